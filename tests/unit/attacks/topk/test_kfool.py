"""kFool against DeepFool where they are the same, its steps, its bisection, and its aim."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from advlearn.attacks import topk
from advlearn.attacks.deepfool import DeepFool
from advlearn.attacks.topk import TopkTargets
from advlearn.attacks.topk.kfool import KFool
from advlearn.attacks.topk.targets import Goal
from advlearn.attacks.topk.variable import TanhVariable
from advlearn.settings.topk import sound
from tests.helpers.scenes import LABELS, K, scenes, small_network, targets_of

FIRST = {"keep": "first"}


def single_label(dtype: torch.dtype = torch.float64) -> tuple[nn.Module, Tensor, Tensor]:
    """Images away from the edges of the box, each with the label that the network gives it."""
    model, images = small_network(dtype), 0.25 + 0.5 * scenes(40, dtype)
    return model, images, model(images).detach().argmax(1)


def alone(labels: Tensor) -> TopkTargets:
    """The one relevant label of each image is to leave the top 1."""
    chosen = torch.nn.functional.one_hot(labels, LABELS).bool()
    return TopkTargets(chosen, chosen, 1)


@pytest.mark.parametrize("method", ["kfool", "kfool_s"])
def test_at_k_1_it_is_deepfool_with_the_runner_up(method: Literal["kfool", "kfool_s"]) -> None:
    model, images, labels = single_label()
    outcome = topk.run(model, images, alone(labels), sound(method, **FIRST))
    nearest = DeepFool(candidates=2).solve(model, images, labels)
    assert bool(outcome.success.all())
    length = (nearest.adversarial - images).flatten(1).norm(dim=1)
    ratio = outcome.l2 / length
    # The steps are made before the tanh, whose slope is not the same everywhere.
    assert float(ratio.median()) == pytest.approx(1, abs=0.01)
    assert float(ratio.max()) < 1.02


def test_without_overshoot_rounding_decides() -> None:
    model, images, labels = single_label()
    settings = sound("kfool", overshoot=0.0, **FIRST)
    outcome = topk.run(model, images, alone(labels), settings)
    assert 0.2 < float(outcome.success.double().mean()) < 0.9
    gap = outcome.adversarial_logits.topk(2).values
    # Failures sit on the boundary.
    assert float((gap[:, 0] - gap[:, 1])[~outcome.success].max()) < 1e-5


def test_the_bisection_ends_at_the_boundary() -> None:
    model, images, labels = single_label()
    first = topk.run(model, images, alone(labels), sound("kfool", overshoot=1.0, **FIRST))
    nearest = topk.run(model, images, alone(labels), sound("kfool", overshoot=1.0))
    assert bool((first.success & nearest.success).all())
    ratio = nearest.l2 / first.l2
    # The first step goes twice as far as the boundary, as linearised.
    assert float(ratio.median()) == pytest.approx(0.5, abs=0.05)
    gap = nearest.adversarial_logits.topk(2).values
    assert float((gap[:, 0] - gap[:, 1]).median()) < 0.01
    # Ten halvings after the first success.
    assert int(nearest.iterations.max()) <= int(first.iterations.max()) + 11


@pytest.mark.parametrize("clean_map", ["arctanh", "tanh_raw"])
def test_no_step_is_longer_than_the_cap(clean_map: str) -> None:
    model, images = small_network(torch.float64), 0.25 + 0.5 * scenes(20, torch.float64)
    variable = TanhVariable(clean_map)
    targets = targets_of(model(variable.clean(images)).detach())

    def longest(cap: float | None) -> Tensor:
        solver = KFool(model, variable, cap, 0.0, shorten=False, aimed=False)
        state = solver.start(variable.start(images), images)
        state["step"] = torch.zeros(len(images), dtype=torch.int64)
        before = state["total"].clone()
        solver.advance(state, solver.image(state), Goal(targets))
        lengths: Tensor = (state["total"] - before).flatten(1).norm(dim=1)
        return lengths

    assert float(longest(None).min()) > 0.02
    torch.testing.assert_close(longest(0.02), torch.full((20,), 0.02, dtype=torch.float64))


def test_aimed_at_the_specified_labels_it_moves_them() -> None:
    settings = sound("kfool")
    model, images = small_network(), scenes(40)
    targets = targets_of(topk.clean_logits(model, images, settings))
    blind = topk.run(model, images, targets, settings)
    aimed = topk.run(model, images, targets, sound("kfool_s"))
    assert bool(aimed.success.all())
    assert not bool(blind.success.all())
    both = blind.success
    assert float((aimed.l2 / blind.l2)[both].median()) < 0.5


def test_labels_that_it_is_compared_with_are_outside_the_specified_ones() -> None:
    solver = KFool(nn.Identity(), TanhVariable("arctanh"), None, 0.0, shorten=False, aimed=True)
    logits = torch.randn(30, LABELS, generator=torch.Generator().manual_seed(0))
    targets = targets_of(logits)
    falling, others = solver._labels({}, logits, targets)
    for row in range(30):
        wanted = targets.specified[row]
        inside = sorted((j for j in range(LABELS) if wanted[j]), key=lambda j: -logits[row, j])
        outside = sorted((j for j in range(LABELS) if not wanted[j]), key=lambda j: -logits[row, j])
        assert int(falling[row]) == inside[0]
        assert others[row].tolist() == outside[:K]
