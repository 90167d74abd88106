"""Parts that a cut pulls off: closed form, where they are looked for, and derivative."""

from __future__ import annotations

import numpy as np
import pytest

from advlearn.attacks.clustering import build
from advlearn.attacks.clustering.common import WhiteBoxView
from advlearn.attacks.clustering.cut import (
    _cut_excess,
    _spectral_orders,
    _within,
    smallest_parts,
)
from advlearn.budgets.points import PerPoint
from advlearn.deviations.partitions import matching_error
from advlearn.learners.convex import Graph, knn_graph
from advlearn.learners.partitioners import ConvexPartitioner
from advlearn.problem import BilevelProblem
from tests.helpers.point_sets import blobs, convex

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("gamma", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cut_splits_just_beyond_its_slack_and_not_before(gamma: float, seed: int) -> None:
    points = blobs((8, 6, 7), 3, 5.0, 0.35, seed=seed)
    learner = convex(points, gamma)
    view = WhiteBoxView.at(BilevelProblem(points, PerPoint(1.0), matching_error, learner), "cut")
    assert view.solution.certified
    assert view.solution.labels.max() == 2
    budget = PerPoint(1.0)
    generator = np.random.default_rng(0)
    part = smallest_parts(view, budget, sweeps=8, generator=generator)[0]
    problem = BilevelProblem(points, budget, matching_error, learner)
    attack = build("cut", parts=1)

    def effect(size: float) -> float:
        (found, *_) = attack.candidates(problem, size, np.random.default_rng(0))
        return problem.effect(found)

    assert effect(1.02 * part.size) > 0
    assert effect(0.98 * part.size) == 0


def test_cut_slack_is_the_closed_form() -> None:
    points = blobs((7, 7), 2, 5.0, 0.4, seed=4)
    gamma = 0.5
    learner = convex(points, gamma)
    view = WhiteBoxView.at(BilevelProblem(points, PerPoint(1.0), matching_error, learner), "cut")
    labels, hat = view.solution.labels, view.solution.points_hat
    weights = np.zeros((14, 14))
    weights[tuple(learner.graph.edges.T)] = learner.graph.weights
    weights += weights.T
    best = np.inf
    for name in (0, 1):
        members = np.flatnonzero(labels == name)
        others = np.flatnonzero(labels != name)
        z = (hat[members[0]] - hat[others[0]]) / np.linalg.norm(hat[members[0]] - hat[others[0]])
        away = weights[np.ix_(members, others)].sum(1)
        p = (away - away.mean())[:, None] * z
        b = points[members] - points[members].mean(0) - gamma * p
        for code in range(1, 2**6):  # every part that leaves the last point out
            inside = np.array([code >> bit & 1 for bit in range(7)], dtype=bool)
            cut = gamma * weights[np.ix_(members[inside], members[~inside])].sum()
            slack = cut - np.linalg.norm(b[inside].sum(0))
            best = min(best, slack * 7 / (2 * inside.sum() * (7 - inside.sum())))
    found = smallest_parts(view, PerPoint(1.0), sweeps=60, generator=np.random.default_rng(0))
    assert found[0].size == pytest.approx(best, rel=1e-9)
    assert [part.size for part in found] == sorted(part.size for part in found)


def test_halves_that_weak_edges_hold_together_are_found_whatever_pulls() -> None:
    # Two flat clouds, one above the other, with two weak edges between them. What pulls most are
    # the two axes along which both are wide, and no line across these cuts between the clouds.
    generator = np.random.default_rng(0)
    wide = generator.standard_normal((60, 3)) * [3.0, 3.0, 0.2]
    points = wide + np.repeat([[0.0, 0.0, 0.0], [0.0, 0.0, 2.0]], 30, axis=0)
    first = knn_graph(points[:30], 8, 0.0).edges
    edges = np.r_[first, 30 + knn_graph(points[30:], 8, 0.0).edges, [[0, 30], [1, 31]]]
    weights = np.r_[np.ones(len(edges) - 2), 0.1, 0.1]
    graph = Graph.from_edges(60, edges, weights)
    learner = ConvexPartitioner(graph, gamma=400.0)
    view = WhiteBoxView.at(BilevelProblem(points, PerPoint(1.0), matching_error, learner), "cut")
    assert view.solution.labels.max() == 0
    smallest = smallest_parts(view, PerPoint(1.0), sweeps=0, generator=generator)[0]
    assert np.flatnonzero(smallest.inside).tolist() in (list(range(30)), list(range(30, 60)))


@pytest.mark.parametrize("count", [2, 3, 9])
def test_orders_of_small_clusters_hold_every_point_once(count: int) -> None:
    weights = _within(
        Graph(count, np.array([[0, other] for other in range(1, count)]), np.ones(count - 1)),
        np.arange(count),
    )
    orders = _spectral_orders(weights)
    assert len(orders) == min(6, count - 1)
    assert all(sorted(order.tolist()) == list(range(count)) for order in orders)


def test_large_clusters_have_the_same_slow_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(0).standard_normal((60, 2)) * [8.0, 1.0]
    graph = knn_graph(points, 8, 0.5)
    weights = _within(graph, np.arange(60))
    dense = _spectral_orders(weights)[0].tolist()
    monkeypatch.setattr("advlearn.attacks.clustering.cut._DENSE", 0)
    sparse = _spectral_orders(weights)[0].tolist()
    assert sparse in (dense, dense[::-1])


def test_recomputed_weights_are_cut_sooner(three: np.ndarray) -> None:
    sizes = []
    for weights in ("fixed", "recomputed"):
        problem = BilevelProblem(
            three, PerPoint(2.0), matching_error, convex(three, 0.5, 0.1, weights)
        )
        sizes.append(problem.min_effort(build("cut"), 1e-9, tolerance=1e-2).size)
    assert sizes[1] < 0.8 * sizes[0]


def test_overhang_derivative_with_recomputed_weights(three: np.ndarray) -> None:
    view = WhiteBoxView.at(
        BilevelProblem(three, PerPoint(1.0), matching_error, convex(three, 0.5, 0.1, "recomputed")),
        "cut",
    )
    parts = smallest_parts(view, PerPoint(1.0), sweeps=4, generator=np.random.default_rng(0))
    way = np.random.default_rng(1).standard_normal(three.shape)
    for part in parts[:5]:
        _, slope = _cut_excess(view, part, three)
        high, low = (_cut_excess(view, part, three + t * way)[0] for t in (1e-6, -1e-6))
        assert np.vdot(slope, way) == pytest.approx((high - low) / 2e-6, rel=1e-6)
