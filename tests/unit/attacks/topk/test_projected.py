"""The projected attack: what it holds still, and how radii are tried."""

from __future__ import annotations

import pytest
import torch

from advlearn.attacks import topk
from advlearn.attacks.jacobian import logit, logits_with_pullback
from advlearn.attacks.topk.projected import Projected, _project_out, _protected
from advlearn.attacks.topk.variable import TanhVariable
from advlearn.metrics.ranking import measures
from advlearn.settings.topk import sound
from tests.helpers.scenes import K, scenes, small_network, targets_of


def test_the_direction_does_not_change_protected_logits_to_first_order() -> None:
    model, images = small_network(torch.float64), scenes(6, torch.float64)
    logits, pull = logits_with_pullback(model, images)
    targets = targets_of(logits)
    others = targets.relevant & ~targets.specified
    others[0] = False  # nothing to protect
    others[1, :] = False
    others[1, 2] = True
    wanted = pull(lambda f: -(f * targets.specified).sum(1))
    left = _project_out(wanted, *_protected(logits, others, pull))
    torch.testing.assert_close(left[0], wanted[0])
    for label in range(logits.shape[1]):
        slope = (left * pull(logit(torch.full((6,), label)))).sum(1)
        free = (wanted * pull(logit(torch.full((6,), label)))).sum(1).abs()
        held = others[:, label]
        assert bool((slope[held].abs() <= 1e-4 * free[held] + 1e-6).all())
    # What is left still lowers the specified logits.
    assert bool(((left * wanted).sum(1) > 0).all())


def test_parallel_gradients_are_projected_off_once() -> None:
    torch.manual_seed(0)
    row = torch.nn.functional.normalize(torch.randn(2, 1, 50), dim=2)
    rows = torch.cat([row, row, -row, torch.zeros_like(row)], dim=1)
    counts = torch.tensor([[True, True, True, False]] * 2)
    vector = torch.randn(2, 50)
    expected = vector - (vector * row[:, 0]).sum(1, keepdim=True) * row[:, 0]
    torch.testing.assert_close(_project_out(vector, rows, counts), expected, rtol=0, atol=1e-4)


def test_the_smallest_radius_that_succeeds_is_kept() -> None:
    radii = (0.01, 0.5, 1.0, 2.0, 4.0)
    settings = sound("projected", iterations=50, radii=radii)
    model, images = small_network(torch.float64), scenes(dtype=torch.float64)
    targets = targets_of(topk.clean_logits(model, images, settings, 10))
    outcome = topk.run(model, images, targets, settings, 8)
    assert bool(outcome.success.all())
    phase = outcome.iterations // 10
    assert len(phase.unique()) > 1
    limit = torch.tensor(radii, dtype=torch.float64)
    assert bool((outcome.l2 <= limit[phase] + 1e-6).all())
    # An image that needed a later radius has no success within the ones before.
    for number in range(1, len(radii)):
        rows = (phase == number).nonzero().squeeze(1)
        if len(rows):
            alone = sound("projected", iterations=10 * number, radii=radii[:number])
            before = topk.run(model, images, targets[rows], alone, 8, positions=rows.tolist())
            assert not bool(before.success.any())
            assert bool((before.iterations == 10 * number).all())


def test_fewer_iterations_than_radii() -> None:
    solver = Projected.of(small_network(), TanhVariable("arctanh"), (0.5, 1.0, 2.0), 2, 2.5)
    assert [problem.budget.epsilon for problem in solver.problems] == [0.5, 1.0]
    assert solver.steps == 1


@pytest.mark.parametrize("k", [K])
def test_the_measures_fall_less_than_under_a_plain_descent(k: int) -> None:
    model, images = small_network(), scenes()
    deltas = {}
    for method in ("projected", "ml_cw_u_a"):
        settings = sound(method, iterations=60, learning_rate=0.02, radii=(0.5, 1.0, 2.0))
        targets = targets_of(topk.clean_logits(model, images, settings, 10))
        outcome = topk.run(model, images, targets, settings, 10)
        before, after = (
            measures(logits, targets.relevant, k)[:, 1].mean()
            for logits in (outcome.clean_logits, outcome.adversarial_logits)
        )
        deltas[method] = float(after - before)
    assert deltas["projected"] > deltas["ml_cw_u_a"]
