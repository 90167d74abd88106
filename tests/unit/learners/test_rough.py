"""Gradients in TF32: the switch is on in the backward pass of the network alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advlearn.attacks import topk
from advlearn.learners.rough import with_gradients
from advlearn.settings.topk import PRESETS

SEEN: list[tuple[str, bool]] = []


class _Seen(torch.autograd.Function):
    """Notes whether TF32 is allowed where a convolution would look."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        SEEN.append(("forward", torch.backends.cudnn.allow_tf32))
        return tensor * 2

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        SEEN.append(("backward", torch.backends.cudnn.allow_tf32))
        return gradients[0] * 2


class Probe(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.last = nn.Linear(12, 6)

    def forward(self, images: Tensor) -> Tensor:
        seen: Tensor = _Seen.apply(images)  # type: ignore[no-untyped-call]
        logits: Tensor = self.last(seen.flatten(1))
        return logits


@pytest.fixture(autouse=True)
def float32() -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    SEEN.clear()
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.mark.parametrize("precision", ["float32", "tf32"])
def test_the_backward_pass_alone_is_rough(precision: Any) -> None:
    images = torch.rand(3, 3, 2, 2, requires_grad=True)
    with with_gradients(Probe(), precision) as network:
        for _ in range(2):
            network(images).square().sum().backward()
            assert not torch.backends.cudnn.allow_tf32
    rough = precision == "tf32"
    assert [("forward", False), ("backward", rough)] * 2 == SEEN


def test_logits_and_gradients_are_those_of_the_network() -> None:
    network, images = Probe(), torch.rand(3, 3, 2, 2, requires_grad=True)
    with with_gradients(network, "tf32") as rough:
        assert torch.equal(rough(images), network(images))
        found, expected = (
            torch.autograd.grad(each(images)[:, 1].sum(), images)[0] for each in (rough, network)
        )
    assert torch.equal(found, expected)


def test_a_pass_that_is_broken_off_leaves_float32() -> None:
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, tensor: Tensor) -> Tensor:
            return tensor.clone()

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            raise MemoryError

    class Fails(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            found: Tensor = Broken.apply(images)  # type: ignore[no-untyped-call]
            return found

    with pytest.raises(MemoryError), with_gradients(Fails(), "tf32") as network:
        network(torch.rand(2, 3, requires_grad=True)).sum().backward()
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("method", ["tkmia", "kfool", "kfool_s", "projected", "ml_cw_u_d"])
def test_an_attack_has_rough_directions_and_exact_verdicts(method: str) -> None:
    """On a CPU, which has no TF32, the outcome is the same to the bit."""
    network, images = Probe().eval(), torch.rand(5, 3, 2, 2)
    relevant = torch.ones((5, 6), dtype=torch.bool)
    outcomes = []
    for gradients in ("float32", "tf32"):
        attack = PRESETS["sound"](method, iterations=6, gradients=gradients)
        logits = topk.clean_logits(network, images, attack)
        _, targets = topk.random_targets(logits, relevant, 2, 1, range(5), seed=0)
        SEEN.clear()
        outcomes.append(topk.run(network, images, targets, attack))
        assert {rough for kind, rough in SEEN if kind == "forward"} == {False}
        rough = {rough for kind, rough in SEEN if kind == "backward"}
        assert rough == {gradients == "tf32"}
    for name in ("success", "l2", "adversarial_logits", "iterations"):
        assert torch.equal(*(getattr(each, name) for each in outcomes)), name
