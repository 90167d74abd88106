"""Attacks on many networks side by side are those on one network after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks import stacked_robustness
from advlearn.attacks.robustness import Settings, robust_verdicts
from advlearn.attacks.stacked import StackedAscent, solver_of, stacked_correct, stacked_images
from advlearn.attacks.stacked_robustness import _Run, stacked_verdicts
from advlearn.learners.networks import build
from advlearn.learners.networks.stack import Stack
from advlearn.metrics.accuracy import correct
from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.settings.network import NetworkSettings
from advlearn.support.errors import UserError
from tests.helpers import hostile
from tests.helpers.waiting import NoWaiting

N, SHAPE, CLASSES = 50, (1, 8, 8), 4

LINF: list[Settings] = [
    FgsmSettings(epsilon=0.05),
    PgdSettings(epsilon=0.1, steps=5, step_size=0.03, random_start=False),
    PgdSettings(epsilon=0.02, steps=8),
    PgdSettings(epsilon=0.08, steps=3, restarts=3, deviation="dlr"),
]
L2: list[Settings] = [
    FgsmSettings(epsilon=0.4, norm="l2"),
    PgdSettings(epsilon=0.6, norm="l2", steps=4, restarts=2),
    PgdSettings(epsilon=0.0, norm="l2", steps=2, random_start=False),
    PgdSettings(epsilon=0.1, norm="linf", steps=6),
]
SAME: list[Settings] = [PgdSettings(epsilon=0.05, steps=4, restarts=2)] * 4
CASES = pytest.mark.parametrize("settings", [LINF, L2, SAME], ids=["linf", "l2", "same"])


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(N, *SHAPE, generator=generator)
    return images, torch.randint(0, CLASSES, (N,), generator=generator)


def trained(seed: int) -> nn.Module:
    """A network that knows some of the images, so that an attack has something to change."""
    torch.manual_seed(seed)
    settings = NetworkSettings(name="cnn", hidden=(12,), channels=(4,))
    network = build(settings, SHAPE, CLASSES)
    images, labels = data()
    solver = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(10 + 15 * seed):
        solver.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        solver.step()
    return network.eval()


@pytest.fixture(scope="module")
def networks() -> list[nn.Module]:
    return [trained(seed) for seed in range(4)]


def stack_of(networks: Sequence[nn.Module]) -> Stack:
    return Stack(networks[0], [network.state_dict() for network in networks])


@CASES
def test_images_are_those_of_each_attack_alone(
    networks: list[nn.Module], settings: list[Settings]
) -> None:
    solvers = [solver_of(each) for each in settings]
    stack = stack_of(networks)
    for batch_size in (None, 7):
        found = stacked_images(stack, *data(), solvers, 5, batch_size)
        for network, each, own in zip(networks, settings, found, strict=True):
            alone = attacks.build(each).run(network, *data(), 5)
            # A step of sign 0 or of the other sign would be a whole step away.
            torch.testing.assert_close(own, alone, rtol=0, atol=1e-5)
    assert stack.training
    assert all(parameter.requires_grad for parameter in stack.parameters())


@CASES
@pytest.mark.parametrize(("batch_size", "every"), [(None, 1), (7, 1), (3, 4), (64, 4)])
def test_verdicts_are_those_of_each_network_alone(
    networks: list[nn.Module],
    settings: list[Settings],
    batch_size: int | None,
    every: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stacked_robustness, "look_every", lambda device: every)
    images, labels = data()
    found = stacked_verdicts(stack_of(networks), images, labels, settings, 5, batch_size)
    robust = []
    for network, each, own in zip(networks, settings, found, strict=True):
        alone = robust_verdicts(network, images, labels, each, 5)
        assert torch.equal(own.clean, alone.clean)
        assert torch.equal(own.robust, alone.robust)
        torch.testing.assert_close(own.adversarial, alone.adversarial, rtol=0, atol=1e-5)
        robust.append((int(own.robust.sum()), int(own.clean.sum())))
    # Else nothing is shown: some images withstand the attacks and others do not.
    assert len(set(robust)) > 1
    assert any(0 < some < all_ for some, all_ in robust)


@CASES
def test_crafting_and_steps_of_verdicts_wait_for_nothing(
    networks: list[nn.Module], settings: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    step, climb, steps = _Run._step, StackedAscent.climb, 0

    def watched_step(*args: Any) -> None:
        nonlocal steps
        steps += 1
        with NoWaiting():
            step(*args)

    def watched_climb(*args: Any) -> Tensor:
        with NoWaiting():
            return climb(*args)

    monkeypatch.setattr(_Run, "_step", watched_step)
    monkeypatch.setattr(StackedAscent, "climb", watched_climb)
    stacked_verdicts(stack_of(networks), *data(), settings, 5)
    stacked_images(stack_of(networks), *data(), list(map(solver_of, settings)), 5)
    assert steps


def test_a_full_device_changes_no_verdict(
    networks: list[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory is full in the middle of a run: it goes on with half as many slots."""
    images, labels = data()
    expected = stacked_verdicts(stack_of(networks), images, labels, LINF, 5)
    calls = 0
    linearise = StackedAscent.linearise

    def full(self: StackedAscent, iterate: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal calls
        calls += 1
        if calls > 3 and iterate.shape[1] > 8:
            raise torch.OutOfMemoryError("full")
        return linearise(self, iterate, labels)

    monkeypatch.setattr(StackedAscent, "linearise", full)
    found = stacked_verdicts(stack_of(networks), images, labels, LINF, 5, 20)
    assert calls > 3
    for own, before in zip(found, expected, strict=True):
        assert torch.equal(own.robust, before.robust)
        torch.testing.assert_close(own.adversarial, before.adversarial, rtol=0, atol=1e-5)


def test_known_clean_verdicts_are_used(networks: list[nn.Module]) -> None:
    images, labels = data()
    clean = torch.zeros(4, N, dtype=torch.bool)
    clean[1, :9] = True
    found = stacked_verdicts(stack_of(networks), images, labels, LINF, 5, clean=clean)
    assert [int(each.robust.sum()) for each in (found[0], found[2], found[3])] == [0, 0, 0]
    alone = robust_verdicts(networks[1], images, labels, LINF[1], 5, clean=clean[1])
    assert torch.equal(found[1].robust, alone.robust)


def test_accuracies_on_shared_images_and_on_own_ones(networks: list[nn.Module]) -> None:
    images, labels = data()
    own = torch.stack([images.roll(i, 0) for i in range(4)])
    shared = stacked_correct(stack_of(networks), images[None], labels)
    different = stacked_correct(stack_of(networks), own, labels)
    for i, network in enumerate(networks):
        assert (shared[i] == correct(network, images, labels)).all()
        assert (different[i] == correct(network, own[i], labels)).all()
    assert (shared != different).any()


@pytest.mark.parametrize("what", ["images", "verdicts", "clean"])
def test_an_error_is_that_of_the_network_alone(networks: list[nn.Module], what: str) -> None:
    images, labels = data()
    sick = [network.state_dict() for network in networks]
    sick[2] = {key: value * torch.nan for key, value in sick[2].items()}
    stack, known = Stack(networks[0], sick), torch.ones(4, N) > 0
    calls: dict[str, Callable[[], object]] = {
        "images": lambda: stacked_images(stack, images, labels, list(map(solver_of, LINF)), 5),
        "verdicts": lambda: stacked_verdicts(stack, images, labels, LINF, 5, clean=known),
        "clean": lambda: stacked_correct(stack, images[None], labels),
    }
    with pytest.raises(UserError, match=f"logits are not finite for {N} of {N} images"):
        calls[what]()


def test_a_gradient_that_is_nan_is_an_error() -> None:
    still = hostile.still(None, SHAPE, CLASSES)
    stack = Stack(still, [still.state_dict()] * 2)
    images, labels = data()
    attack = PgdSettings(epsilon=0.1, steps=2)
    with pytest.raises(UserError, match="input gradients are not finite"):
        stacked_verdicts(stack, images, labels, [attack] * 2, 0, clean=torch.ones(2, N) > 0)


def test_hostile_inputs_have_clear_errors(networks: list[nn.Module]) -> None:
    images, labels = data()
    stack = stack_of(networks)
    with pytest.raises(UserError, match="an attack of its own"):
        stacked_verdicts(stack, images, labels, LINF[:3], 5)
    with pytest.raises(UserError, match="outside the network's 4 classes"):
        stacked_verdicts(stack, images, labels + 1, LINF, 5)
    with pytest.raises(UserError, match="outside the box"):
        stacked_images(stack, images + 1, labels, [solver_of(each) for each in LINF], 5)
    assert [len(each.robust) for each in stacked_verdicts(stack, images[:0], labels[:0], LINF, 5)]
