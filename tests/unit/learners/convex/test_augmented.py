from __future__ import annotations

import numpy as np
import pytest

from advlearn.learners.convex import Graph, knn_graph, unit_graph
from advlearn.learners.convex.augmented import augmented_newton
from advlearn.learners.convex.centroid_problem import centroid_problem
from advlearn.learners.convex.conic import interior_point
from advlearn.learners.convex.flow import ClusterFlows
from advlearn.learners.convex.hessian import elimination, newton_step


def points(n: int, d: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) + 2 * rng.normal(size=(4, d))[rng.integers(4, size=n)]


@pytest.mark.parametrize("d", [1, 2, 3, 8])
@pytest.mark.parametrize("gamma", [0.1, 1.0, 10.0])
def test_agrees_with_interior_points_on_masses(d: int, gamma: float) -> None:
    a = points(150, d)
    graph = knn_graph(a, 6, 0.1)
    problem = centroid_problem(a, graph, np.arange(150) // 2)
    found = augmented_newton(problem, gamma, np.zeros((len(problem.edges), d)), tol=1e-12)
    small = Graph(75, problem.edges, problem.weights)
    other, _, _ = interior_point(problem.means, small, gamma, 1e-11, problem.sizes)
    np.testing.assert_allclose(found.centroids, other, atol=1e-5)
    assert found.gap <= 1e-12
    assert (np.linalg.norm(found.dual, axis=1) <= gamma * problem.weights * (1 + 1e-12)).all()
    gone = np.linalg.norm(small.incidence() @ found.centroids, axis=1)
    assert (gone[found.fused] < 1e-6).all()
    assert (gone[~found.fused] > 1e-9).all()


def test_two_points_meet_at_half_their_distance() -> None:
    a = np.array([[0.0, 0.0], [3.0, 4.0]])
    problem = centroid_problem(a, unit_graph(2), np.arange(2))
    apart = augmented_newton(problem, 2.4, np.zeros((1, 2)), tol=1e-14)
    np.testing.assert_allclose(apart.centroids, [[1.44, 1.92], [1.56, 2.08]], atol=1e-6)
    assert not apart.fused.any()
    assert augmented_newton(problem, 2.6, np.zeros((1, 2)), tol=1e-14).fused.all()


def test_a_good_dual_leaves_nothing_to_do() -> None:
    a = points(100, 2)
    problem = centroid_problem(a, knn_graph(a, 6, 0.1), np.arange(100))
    cold = augmented_newton(problem, 1.0, np.zeros((len(problem.edges), 2)), tol=1e-10)
    warm = augmented_newton(
        problem, 1.0, cold.dual, tol=1e-7, relative_stiffness=cold.relative_stiffness
    )
    assert cold.steps > 5
    assert warm.steps <= 1


def test_order_of_elimination_does_not_change_the_step() -> None:
    a = points(200, 2)
    graph = knn_graph(a, 6, 0.1)
    problem = centroid_problem(a, graph, np.arange(200))
    rank = elimination(problem)
    assert rank is not None
    assert sorted(rank) == list(range(200))
    rng = np.random.default_rng(1)
    units = rng.normal(size=(graph.m, 2))
    units /= np.linalg.norm(units, axis=1)[:, None]
    stiffness = rng.uniform(0.1, 10, graph.m)
    right = rng.normal(size=(200, 2))
    ordered = newton_step(problem, graph.incidence(), stiffness, units, right, rank)
    iterated = newton_step(problem, graph.incidence(), stiffness, units, right, None)
    np.testing.assert_allclose(ordered, iterated, atol=1e-3 * np.abs(ordered).max())


def test_a_flow_on_the_bound_is_moved_inside() -> None:
    """A square with one side at its bound: the other way round has room for the last digits."""
    graph = Graph(4, np.array([[0, 1], [0, 2], [1, 3], [2, 3]]), np.ones(4))
    within = ClusterFlows(graph.incidence(), np.zeros(4, dtype=np.int64), graph.weights)
    full = np.array([[1.0], [0.2], [0.0], [0.0]])
    demand = graph.incidence().T @ full
    demand[:2] += np.array([[1e-6], [-1e-6]])
    flow, margin, split = within.route(demand, full, 1)
    assert split is None
    assert margin > 0
    np.testing.assert_allclose(graph.incidence().T @ flow, demand, atol=1e-12)
