from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advlearn.attacks.clustering import ATTACKS, CombinedAttack, FixedDirections, build
from advlearn.attacks.clustering.common import cluster_means, nearest_pairs
from advlearn.attacks.clustering.one_point import boundary, usual_distance
from advlearn.budgets.points import FewPoints, Frobenius, LInf, PerPoint, PointBudget, SinglePoint
from advlearn.deviations.partitions import delta_squared, matching_error
from advlearn.learners.partitioners import build as partitioner
from advlearn.problem import BilevelProblem, value_function
from advlearn.support.errors import UserError
from tests.helpers.point_sets import blobs, convex

pytestmark = pytest.mark.slow

QUICK: dict[str, dict[str, Any]] = {
    "smoothed": {"steps": 1},
    "genetic": {"generations": 6},
    "cma_es": {"queries": 9},
    "one_point": {"outliers": 1.0, "points": 2, "directions": 2},
}
BUDGETS: list[PointBudget] = [
    PerPoint(1.0),
    Frobenius(1.0),
    LInf(1.0),
    FewPoints(1.0, 2),
    SinglePoint(1.0, 3),
]


def proposals(
    problem: BilevelProblem[Any], name: str, tau: float, seed: int = 0
) -> list[np.ndarray]:
    attack = build(name, **QUICK.get(name, {}))
    return list(attack.candidates(problem, tau, np.random.default_rng(seed)))


@cache
def near() -> np.ndarray:
    """Three blobs that touch, so that points lie between them."""
    return blobs((8, 6, 7), 2, 2.5, 0.5, seed=1)


@cache
def victim(name: Any) -> Any:
    if name in ("fixed", "recomputed"):
        return convex(near(), 0.35, 0.3, name)
    return partitioner(name, n_clusters=3)


# --- what holds for every attack ------------------------------------------------------------------


@given(
    name=st.sampled_from(sorted(ATTACKS)),
    budget=st.sampled_from(BUDGETS),
    weights=st.sampled_from(["fixed", "recomputed"]),
    tau=st.floats(0.0, 4.0),
    seed=st.integers(0, 3),
)
@settings(max_examples=60)
def test_every_perturbation_is_inside_its_budget(
    name: str, budget: PointBudget, weights: str, tau: float, seed: int
) -> None:
    problem = BilevelProblem(near(), budget, matching_error, victim(weights))
    for perturbation in proposals(problem, name, tau, seed):
        assert perturbation.shape == near().shape
        assert np.isfinite(perturbation).all()
        budget.scaled(tau).check(perturbation)


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_values_are_reproducible_by_seed(name: str) -> None:
    def run(seed: int) -> Any:
        problem = BilevelProblem(near(), PerPoint(1.0), matching_error, victim("recomputed"))
        return problem.max_effect(build(name, **QUICK.get(name, {})), 0.6, seed=seed)

    first, again = run(4), run(4)
    assert np.array_equal(first.perturbation, again.perturbation)
    assert (first.effect, first.queries) == (again.effect, again.queries)


@pytest.mark.parametrize("name", ["noise", "genetic", "cma_es", "one_point", "smoothed"])
def test_another_seed_gives_other_perturbations(name: str) -> None:
    problem = BilevelProblem(near(), PerPoint(1.0), matching_error, victim("recomputed"))
    first, other = (proposals(problem, name, 0.7, seed) for seed in (0, 1))
    assert first
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=False))


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_a_radius_of_zero_changes_nothing(name: str) -> None:
    problem = BilevelProblem(near(), PerPoint(0.0), matching_error, victim("fixed"))
    outcome = problem.max_effect(build(name, **QUICK.get(name, {})))
    assert outcome.effect == 0
    assert not outcome.reached
    assert not outcome.perturbation.any()


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_one_cluster_cannot_be_merged_and_breaks_nothing(name: str) -> None:
    points = blobs((9,), 2, 1.0, 0.5, seed=0)
    problem = BilevelProblem(points, PerPoint(1.0), matching_error, convex(points, 5.0))
    assert problem.before.max() == 0
    for perturbation in proposals(problem, name, 0.5):
        problem.budget.scaled(0.5).check(perturbation)
    if name in ("merge", "transfer", "genetic", "cma_es", "one_point"):
        assert not proposals(problem, name, 0.5)


@pytest.mark.parametrize("name", ["smoothed", "merge", "cut"])
def test_white_box_attacks_need_convex_clustering(name: str) -> None:
    problem = BilevelProblem(near(), PerPoint(1.0), matching_error, victim("ward"))
    with pytest.raises(UserError, match=name):
        proposals(problem, name, 0.5)


@pytest.mark.parametrize("name", ["noise", "transfer", "genetic", "cma_es", "one_point"])
def test_black_box_attacks_see_labels_only(name: str) -> None:
    problem = BilevelProblem(near(), PerPoint(1.0), matching_error, victim("ward"))
    assert problem.max_effect(build(name, **QUICK.get(name, {})), 1.5).effect > 0


@pytest.mark.parametrize("name", ["noise", "transfer", "genetic", "cma_es", "one_point"])
def test_noise_points_of_the_victim_are_no_cluster(name: str) -> None:
    points = np.concatenate([near(), [[40.0, 40.0]]])
    dbscan = partitioner("dbscan", eps=1.2, min_samples=4)
    assert dbscan(points)[-1] == -1
    problem = BilevelProblem(points, PerPoint(1.0), matching_error, dbscan)
    for perturbation in proposals(problem, name, 1.0):
        problem.budget.check(perturbation)


def test_unknown_attacks_and_settings() -> None:
    with pytest.raises(UserError, match="unknown attack 'merg'"):
        build("merg")
    with pytest.raises(UserError, match="cannot be built"):
        build("merge", draws=3)
    with pytest.raises(UserError, match="genetic"):
        build("genetic", generations=0)
    with pytest.raises(UserError, match="one-point"):
        build("one_point", lengths=())


def test_genetic_counts_a_query_for_every_generation() -> None:
    problem = BilevelProblem(near(), LInf(1.0), matching_error, victim("ward"))
    outcome = problem.max_effect(build("genetic", generations=12), 0.8)
    # The children, and the best (and the smallest that did something) shown to the problem.
    assert outcome.queries in (13, 14)


# --- merge ----------------------------------------------------------------------------------------


def closed_form(points: np.ndarray, gamma: float) -> tuple[float, Any]:
    learner = convex(points, gamma)
    labels = learner(points)
    assert labels.max() == 1
    ends = labels[learner.graph.edges]
    between = float(learner.graph.weights[ends[:, 0] != ends[:, 1]].sum())
    means, _, _ = cluster_means(points, labels)
    inverse = (1 / np.bincount(labels)).sum()
    apart = float(np.linalg.norm(means[0] - means[1]))
    return 0.5 * (apart - gamma * between * inverse), learner


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_merge_of_two_clusters_has_its_closed_form(two: np.ndarray, gamma: float) -> None:
    smallest_size, learner = closed_form(two, gamma)
    problem = BilevelProblem(two, PerPoint(4.0), matching_error, learner)
    outcome = problem.min_effort(build("merge"), 1e-9, tolerance=1e-4)
    assert outcome.reached
    assert outcome.size == pytest.approx(smallest_size, rel=2e-4)
    # The minimal merge is attained: at that size itself, but for rounding.
    direction = np.zeros_like(two)
    means, _, _ = cluster_means(two, problem.before)
    way = (means[1] - means[0]) / np.linalg.norm(means[1] - means[0])
    direction[problem.before == 0], direction[problem.before == 1] = way, -way
    assert problem.effect(smallest_size * (1 + 1e-6) * direction) > 0
    assert problem.effect(smallest_size * (1 - 1e-6) * direction) == 0


def test_recomputed_weights_merge_sooner(two: np.ndarray) -> None:
    sizes = []
    for weights in ("fixed", "recomputed"):
        problem = BilevelProblem(two, PerPoint(4.0), matching_error, convex(two, 0.5, 0.1, weights))
        sizes.append(problem.min_effort(build("merge"), 0.1, tolerance=1e-2).size)
    assert sizes[1] < 0.8 * sizes[0]


def test_clusters_without_an_edge_between_are_never_merged() -> None:
    points = blobs((6, 6), 2, 100.0, 0.3, seed=0)  # weights across underflow
    problem = BilevelProblem(points, PerPoint(1.0), matching_error, convex(points, 1.0, 0.5))
    assert len(problem.learner(points)) == 12
    assert problem.before.max() == 1
    assert not proposals(problem, "merge", 60.0)


# --- fixed directions, several attacks, the staircase ---------------------------------------------


@pytest.fixture(scope="module")
def staircase() -> BilevelProblem[Any]:
    points = blobs((15, 15, 15), 2, 6.0, 0.35, seed=3)
    learner = convex(points, 1.2, 0.2, "recomputed")
    problem = BilevelProblem(points, PerPoint(10.0), delta_squared, learner)
    assert np.bincount(problem.before).tolist() == [15, 15, 15]
    return problem


def test_transfer_of_seven_points_is_a_staircase_up_to_322(
    staircase: BilevelProblem[Any],
) -> None:
    attack = build("transfer", count=7)
    direction = next(iter(attack.candidates(staircase, 100.0, np.random.default_rng(0))))
    assert np.count_nonzero(direction.any(axis=1)) == 7
    values = [staircase.effect(t * direction) for t in (0.1, 0.25, 0.6, 0.9, 1.0)]
    assert values[:2] == [0, 0]
    assert values[2:] == [322, 322, 322]  # 2 * 7 * (30 - 7)


def test_merge_direction_rises_to_450_and_falls_back_to_0(
    staircase: BilevelProblem[Any],
) -> None:
    means, _, _ = cluster_means(staircase.data, staircase.before)
    way = (means[1] - means[0]) / np.linalg.norm(means[1] - means[0])
    direction = np.zeros_like(staircase.data)
    direction[staircase.before == 0], direction[staircase.before == 1] = way, -way
    values = [staircase.effect(t * direction) for t in (0.5, 1.0, 2.0, 3.0, 5.5, 6.5)]
    assert values == [0, 0, 450, 450, 0, 0]  # 2 * 15 * 15, then they have passed through


def test_noise_is_not_monotone_but_the_value_function_is(
    staircase: BilevelProblem[Any],
) -> None:
    direction = PerPoint(1.0).random(staircase.data.shape, np.random.default_rng(0))
    taus = np.arange(0.5, 7.1, 0.5)
    values = [staircase.effect(t * direction) for t in taus]
    assert values[0] == 0
    assert (np.diff(values) < 0).any()
    best = value_function(staircase, FixedDirections([direction]), taus.tolist()).values
    assert (np.diff(best) >= 0).all()
    assert (best >= values).all()


def test_along_scales_to_the_radius_and_together_chains(two: np.ndarray) -> None:
    problem = BilevelProblem(two, Frobenius(1.0), matching_error, convex(two, 0.5))
    direction = np.random.default_rng(0).standard_normal(two.shape)
    attack = CombinedAttack(
        [FixedDirections([direction, 0 * direction]), FixedDirections([-3 * direction])]
    )
    found = list(attack.candidates(problem, 0.25, np.random.default_rng(0)))
    assert len(found) == 2  # nothing has no direction
    assert np.allclose(found[0], -found[1])
    assert np.linalg.norm(found[0]) == pytest.approx(0.25)


# --- one point ------------------------------------------------------------------------------------


def test_one_point_moves_one_point_and_makes_no_outlier() -> None:
    problem = BilevelProblem(near(), PerPoint(1.0), matching_error, victim("ward"))
    attack = build("one_point", points=5, directions=6, outliers=0.9)
    usual = usual_distance(near(), 0.9)
    found = list(attack.candidates(problem, 1.0, np.random.default_rng(0)))
    assert found
    means, _, _ = cluster_means(near(), problem.before)
    first = set(boundary(near(), means)[:5].tolist())
    for perturbation in found:
        (row,) = np.flatnonzero(perturbation.any(axis=1))
        assert row in first
        others = np.delete(near(), row, axis=0)
        assert np.linalg.norm(others - near()[row] - perturbation[row], axis=1).min() <= usual


def test_one_point_keeps_coordinates_in_their_range() -> None:
    points = np.clip(near(), 0.0, 2.0)
    problem = BilevelProblem(points, PerPoint(1.0), matching_error, victim("ward"))
    attack = build("one_point", low=0.0, high=2.0)
    for perturbation in attack.candidates(problem, 1.5, np.random.default_rng(0)):
        assert (points + perturbation).min() >= -1e-12
        assert (points + perturbation).max() <= 2 + 1e-12


def test_pairs_are_the_largest_and_then_the_nearest() -> None:
    means, sizes = np.array([[0.0], [10.0], [1.0], [4.0]]), np.array([9, 8, 1, 1])
    assert nearest_pairs(means, sizes, 3) == [(0, 1), (0, 2), (2, 3)]
    assert nearest_pairs(means, np.ones(4), 2) == [(0, 2), (2, 3)]
    assert nearest_pairs(means, sizes, 9, np.array([[0, 2], [1, 3]])) == [(0, 2), (1, 3)]
    assert nearest_pairs(means[:1], sizes[:1], 3) == []
