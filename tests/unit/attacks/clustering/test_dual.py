from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from advlearn.attacks.clustering import build
from advlearn.attacks.clustering.bracket import smallest_change
from advlearn.attacks.clustering.common import WhiteBoxView
from advlearn.attacks.clustering.dual import _kept, cluster_load
from advlearn.budgets.points import Frobenius, LInf, PerPoint, PointBudget
from advlearn.deviations.partitions import matching_error
from advlearn.learners.convex import certify_partition, gaussian_graph
from advlearn.learners.partitioners import ConvexPartitioner, Weights
from advlearn.problem import BilevelProblem
from tests.helpers.point_sets import blobs, convex

pytestmark = pytest.mark.slow


def smallest(problem: BilevelProblem[Any], name: str, largest: float, **settings: Any) -> float:
    found = smallest_change(
        problem, build(name, **settings), 0.0, largest, rounds=40, tolerance=5e-3, seed=0
    )
    assert found.changed is not None
    return found.changed


@pytest.mark.parametrize("weights", ["fixed", "recomputed"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_slope_is_the_derivative_of_the_load(weights: Weights, seed: int) -> None:
    points = blobs((8, 6, 7), 3, 5.0, 0.35, seed=seed)
    problem = BilevelProblem(
        points, PerPoint(1.0), matching_error, convex(points, 0.5, 0.1, weights)
    )
    view = WhiteBoxView.at(problem, "dual")
    assert view.solution.labels.max() == 2
    way = np.random.default_rng(1).standard_normal(points.shape)
    for cluster in range(3):
        here = cluster_load(view, cluster)
        ends = []
        for step in (1e-4, -1e-4):
            moved = _kept(view, points + step * way)
            assert moved is not None
            ends.append(cluster_load(moved, cluster, here.potential).value)
        slope = (ends[0] - ends[1]) / 2e-4
        assert np.vdot(here.slope, way) == pytest.approx(slope, rel=0.02, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_no_direction_of_a_fine_grid_splits_three_points_sooner(seed: int) -> None:
    points = np.random.default_rng(seed).standard_normal((3, 2))
    graph = gaussian_graph(points, 0.2)
    together = np.zeros(3, dtype=int)
    gamma = next(
        float(gamma)
        for gamma in np.geomspace(0.1, 10, 40)
        if certify_partition(points, graph, gamma, together).valid
    )
    gamma *= 1.3
    learner = ConvexPartitioner(graph, gamma, "fixed", 0.2)
    problem = BilevelProblem(points, PerPoint(5.0), matching_error, learner)
    found = smallest(problem, "dual", 5.0)
    # Every corner of a product of regular polygons: the load is convex in the points, so that the
    # least size over all circles is within cos(pi / 8) of the least over the corners.
    corners = np.exp(2j * np.pi * np.arange(8) / 8)
    moves = np.array(list(product(corners, repeat=3)))
    ways = np.stack([moves.real, moves.imag], axis=2)
    sooner = [
        way
        for way in ways
        if not certify_partition(points + 0.98 * found * way, graph, gamma, together).valid
    ]
    assert not sooner


@pytest.mark.parametrize("budget", [PerPoint(9.0), Frobenius(9.0), LInf(9.0)])
def test_it_needs_no_more_than_cut(budget: PointBudget) -> None:
    points = blobs((9, 8), 2, 4.0, 0.6, seed=2)
    for weights in ("fixed", "recomputed"):
        learner = convex(points, 0.6, 0.2, weights)
        problem = BilevelProblem(points, budget, matching_error, learner)
        dual, cut = smallest(problem, "dual", 9.0), smallest(problem, "cut", 9.0)
        assert dual <= 1.02 * cut


def test_a_perturbation_that_is_not_enough_is_proposed_all_the_same() -> None:
    points = blobs((9, 8), 2, 4.0, 0.6, seed=1)
    problem = BilevelProblem(points, PerPoint(1.0), matching_error, convex(points, 0.6, 0.2))
    found = list(build("dual").candidates(problem, 1e-4, np.random.default_rng(0)))
    assert len(found) == 2
    assert all(0 < problem.budget.size(each) <= 1e-4 * (1 + 1e-9) for each in found)
    assert all(problem.effect(each) == 0 for each in found)


def test_a_cluster_that_is_too_large_is_left_alone() -> None:
    points = blobs((12, 5), 2, 5.0, 0.3, seed=3)
    problem = BilevelProblem(points, PerPoint(1.0), matching_error, convex(points, 0.5, 0.1))
    assert problem.before.max() == 1

    def moved(**settings: int) -> set[int]:
        """The clusters whose points the attack moves."""
        found = build("dual", **settings).candidates(problem, 0.2, np.random.default_rng(0))
        return {int(problem.before[row]) for e in found for row in np.flatnonzero(e.any(axis=1))}

    both = moved()
    assert both == {0, 1}
    assert len(list(build("dual").candidates(problem, 0.2, np.random.default_rng(0)))) == 2
    few = build("dual", largest=2 * 5)
    assert len(list(few.candidates(problem, 0.2, np.random.default_rng(0)))) == 1
    assert not moved(largest=9)


@pytest.mark.parametrize(
    ("budget", "radius"), [(LInf(1.0), 20.0), (PerPoint(1.0), 30.0), (PerPoint(1.0), 90.0)]
)
def test_weights_that_vanish_as_points_move_are_no_error(
    budget: PointBudget, radius: float
) -> None:
    # exp(-phi |a_i - a_j|^2) of points that far apart is 1e-150 and less, or zero.
    points = blobs((9, 8), 2, 4.0, 0.6, seed=1)
    problem = BilevelProblem(points, budget, matching_error, convex(points, 2.0, 0.2, "recomputed"))
    with np.errstate(over="raise", invalid="raise"):
        found = list(build("dual").candidates(problem, radius, np.random.default_rng(0)))
    assert found
    for perturbation in found:
        assert np.isfinite(perturbation).all()
        assert problem.budget.size(perturbation) <= radius * (1 + 1e-9)
        assert problem.effect(perturbation) > 0
