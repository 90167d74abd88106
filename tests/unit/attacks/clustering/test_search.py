from __future__ import annotations

import numpy as np
import pytest

from advlearn.attacks.clustering import build
from advlearn.attacks.clustering.search import min_efforts
from advlearn.budgets.points import PerPoint
from advlearn.deviations.partitions import matching_error
from advlearn.problem import BilevelProblem
from tests.helpers.point_sets import convex


def test_one_pass_serves_all_targets(two: np.ndarray) -> None:
    problem = BilevelProblem(two, PerPoint(4.0), matching_error, convex(two, 0.5))
    merge = build("merge")
    found = min_efforts(problem, merge, [1 / 24, 0.4, 0.9], [1.0, 2.0, 4.0], tolerance=1e-3)
    alone = problem.min_effort(merge, 0.4, tolerance=1e-3)
    # A merge of 10 and 14 points has one size, whatever part of its effect is asked for.
    for effort in found[:2]:
        assert effort.reached
        assert effort.size == pytest.approx(alone.size, rel=2e-3)
        assert problem.effect(effort.perturbation) == pytest.approx(10 / 24)
    assert not found[2].reached
    assert problem.effect(found[2].perturbation) == pytest.approx(10 / 24)
    assert all(effort.queries > 0 and effort.seconds > 0 for effort in found)


def test_nothing_in_reach(two: np.ndarray) -> None:
    problem = BilevelProblem(two, PerPoint(4.0), matching_error, convex(two, 0.5))
    (effort,) = min_efforts(problem, build("noise"), [0.1], [1e-3, 1e-2])
    assert not effort.reached
    assert effort.size == 0


def test_small_radii_may_succeed_where_large_ones_fail(two: np.ndarray) -> None:
    """The size is that of a success, though the same direction does nothing at the end."""
    from advlearn.attacks.clustering import FixedDirections

    direction = np.zeros_like(two)
    direction[:10, 0], direction[10:, 0] = 1.0, -1.0
    problem = BilevelProblem(two, PerPoint(6.0), matching_error, convex(two, 0.5))
    assert problem.effect(6.0 * direction) == 0  # they have passed through each other
    (effort,) = min_efforts(problem, FixedDirections([direction]), [0.1], [1.5, 3.0, 6.0])
    assert effort.reached
    assert 2.5 < effort.size < 3.0
