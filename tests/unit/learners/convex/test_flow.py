from __future__ import annotations

import numpy as np
import pytest

from advlearn.learners.convex import (
    Graph,
    certify_partition,
    gaussian_graph,
    knn_graph,
    solve,
    unit_graph,
)
from advlearn.learners.convex.centroid_problem import centroid_problem
from advlearn.learners.convex.flow import ClusterFlows
from advlearn.learners.convex.hessian import hessian, sparse_hessian
from advlearn.learners.convex.newton import newton
from advlearn.support.errors import UserError

SIZES = np.repeat([0, 1, 2], [10, 12, 8])


def points(seed: int = 0, apart: float = 8.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found: np.ndarray = rng.normal(size=(30, 3)) + apart * np.eye(3)[SIZES]
    return found


def test_the_solved_partition_is_valid_and_every_other_is_not() -> None:
    for seed in range(3):
        a = points(seed)
        for graph in (unit_graph(30), gaussian_graph(a, 0.05), knn_graph(a, 6, 0.05)):
            for gamma in (0.05, 0.2, 0.5):
                labels = solve(a, graph, gamma).labels
                assert certify_partition(a, graph, gamma, labels).valid
                moved = labels.copy()
                moved[0] = labels.max() if labels[0] != labels.max() else 0
                if moved[0] != labels[0]:
                    assert not certify_partition(a, graph, gamma, moved).valid


def test_merging_or_splitting_a_cluster_is_refuted() -> None:
    a = points(apart=20.0)
    graph = unit_graph(30)
    gamma = 0.4
    assert certify_partition(a, graph, gamma, SIZES).valid
    merged = certify_partition(a, graph, gamma, np.minimum(SIZES, 1))
    assert (merged.valid, merged.refuted, merged.reason) == (False, True, "cluster splits")
    finer = SIZES.copy()
    finer[:5] = 7
    split = certify_partition(a, graph, gamma, finer)
    assert (split.valid, split.refuted, split.reason) == (False, True, "joined centroids coincide")


def test_a_disconnected_cluster_is_refuted() -> None:
    graph = Graph(4, np.array([[0, 1], [2, 3]]), np.ones(2))
    found = certify_partition(np.zeros((4, 1)), graph, 1.0, np.zeros(4, dtype=int))
    assert (found.valid, found.reason) == (False, "disconnected cluster")


def test_the_certificate_is_an_optimal_pair() -> None:
    a = points(4)
    graph = gaussian_graph(a, 0.02)
    gamma = 0.3
    labels = solve(a, graph, gamma).labels
    found = certify_partition(a + 50, graph, gamma, labels + 3)
    assert found.centroids is not None
    assert found.dual is not None
    residual = a + 50 - graph.incidence().T @ found.dual - found.centroids[labels]
    assert np.abs(residual).max() < 1e-11
    load = np.linalg.norm(found.dual, axis=1) / (gamma * graph.weights)
    assert load.max() <= 1 + 1e-12
    inside = labels[graph.edges[:, 0]] == labels[graph.edges[:, 1]]
    assert found.margin == pytest.approx(1 - load[inside].max())


def test_margin_falls_to_zero_where_two_points_split() -> None:
    """Two points of distance 2 stay together down to gamma = 1, with margin 1 - 1 / gamma."""
    a = np.array([[0.0], [2.0]])
    for gamma in (4.0, 1.25, 1.0 + 1e-9):
        found = certify_partition(a, unit_graph(2), gamma, np.zeros(2, dtype=int))
        assert found.valid
        assert found.margin == pytest.approx(1 - 1 / gamma, abs=1e-12)
    found = certify_partition(a, unit_graph(2), 1 - 1e-9, np.zeros(2, dtype=int))
    assert (found.valid, found.refuted) == (False, True)


def test_given_directions_replace_those_of_the_centroids() -> None:
    a = points(apart=20.0)
    graph = gaussian_graph(a, 0.002)
    crossing = SIZES[graph.edges[:, 0]] != SIZES[graph.edges[:, 1]]
    centroids = solve(a, graph, 0.4).centroids
    own = centroids[SIZES[graph.edges[crossing, 0]]] - centroids[SIZES[graph.edges[crossing, 1]]]
    own /= np.linalg.norm(own, axis=1)[:, None]
    same = certify_partition(a, graph, 0.4, SIZES, own)
    assert same.margin == pytest.approx(certify_partition(a, graph, 0.4, SIZES).margin, abs=1e-9)
    turned = np.roll(own, 1, axis=1)
    assert certify_partition(a, graph, 0.4, SIZES, turned).margin != pytest.approx(same.margin)


def test_electrical_flow_has_the_divergence_asked_for() -> None:
    graph = knn_graph(points(), 5, 0.0)
    rng = np.random.default_rng(0)
    within = ClusterFlows(graph.incidence(), graph.components(), np.ones(graph.m))
    demand = within.balanced(rng.normal(size=(30, 2)))
    flow = within.solver(rng.uniform(1e-6, 1e6, graph.m))(demand)
    np.testing.assert_allclose(graph.incidence().T @ flow, demand, atol=1e-9)


# --- the centroid problem -------------------------------------------------------------------------


def test_hessians_agree_with_each_other_and_with_finite_differences() -> None:
    a = points()
    problem = centroid_problem(a, gaussian_graph(a, 0.02), SIZES)
    centroids = problem.means
    left, right = problem.edges.T

    def gradient(at: np.ndarray) -> np.ndarray:
        out: np.ndarray = problem.sizes[:, None] * (at - problem.means)
        v = at[left] - at[right]
        pull = (0.3 * problem.weights / np.linalg.norm(v, axis=1))[:, None] * v
        np.add.at(out, left, pull)
        np.add.at(out, right, -pull)
        return out.ravel()

    differences = centroids[left] - centroids[right]
    distance = np.linalg.norm(differences, axis=1)
    dense = hessian(problem, 0.3 * problem.weights / distance, differences / distance[:, None])
    numeric = np.empty_like(dense)
    for k in range(9):
        step = np.zeros((3, 3))
        step.flat[k] = 1e-5
        numeric[:, k] = (gradient(centroids + step) - gradient(centroids - step)) / 2e-5
    np.testing.assert_allclose(dense, numeric, atol=1e-7)
    thin = sparse_hessian(
        problem, 0.3 * problem.weights / distance, differences / distance[:, None]
    )
    np.testing.assert_allclose(thin.toarray(), dense, atol=1e-12)


def test_newton_is_sure_from_a_start_that_jams_it() -> None:
    """Every cluster far from its place: only the smoothed problems lead there."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(60, 2))
    problem = centroid_problem(a, knn_graph(a, 8, 0.1), np.arange(60))
    gamma = 0.02
    exact, sure = newton(problem, gamma)
    assert sure
    found, sure = newton(problem, gamma, a[rng.permutation(60)], homotopy=True)
    assert sure
    np.testing.assert_allclose(found, exact, atol=1e-9)


def test_a_part_that_hangs_on_by_no_weight_is_a_clear_error() -> None:
    # The first edge is lost beside the second one: the matrix of the flow has no inverse.
    edges, weights = np.array([[0, 1], [1, 2]]), np.array([1e-300, 1.0])
    with pytest.raises(UserError, match="differ by more than floating point holds") as error:
        certify_partition(np.eye(3), Graph(3, edges, weights), 1.0, np.zeros(3, dtype=int))
    assert "1e-300" in error.value.where
