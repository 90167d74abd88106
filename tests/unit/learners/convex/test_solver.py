from __future__ import annotations

import tracemalloc

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advlearn.learners.convex import (
    Graph,
    Solution,
    gaussian_graph,
    knn_graph,
    path,
    reweighted,
    solve,
    unit_graph,
)
from advlearn.support.errors import UserError


def blobs(
    sizes: tuple[int, ...] = (12, 10), d: int = 2, apart: float = 4.0, seed: int = 0
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(sizes), d)) * apart
    return np.concatenate(
        [c + rng.normal(size=(n, d)) for c, n in zip(centres, sizes, strict=True)]
    )


PEER_GAP = 1e-11


def peer(points: np.ndarray, graph: Graph, gamma: float) -> tuple[np.ndarray, float]:
    x = cvxpy.Variable(points.shape)
    value = 0.5 * cvxpy.sum_squares(x - points)
    if graph.m:
        distances = cvxpy.norm(graph.incidence() @ x, 2, axis=1)
        value += gamma * cvxpy.sum(cvxpy.multiply(graph.weights, distances))
    problem = cvxpy.Problem(cvxpy.Minimize(value))
    problem.solve(solver="CLARABEL", tol_gap_abs=PEER_GAP, tol_gap_rel=PEER_GAP, tol_feas=PEER_GAP)
    return np.asarray(x.value), problem.value


def disconnected(a: np.ndarray) -> Graph:
    graph = gaussian_graph(a, 0.1)
    keep = (graph.edges < 8).all(axis=1) | (graph.edges >= 8).all(axis=1)
    return Graph(graph.n, graph.edges[keep], graph.weights[keep])


GRAPHS = {
    "unit": lambda a: unit_graph(len(a)),
    "gaussian": lambda a: gaussian_graph(a, 0.1),
    "knn": lambda a: knn_graph(a, 4, 0.1),
    "disconnected": disconnected,
}


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["ama", "newton", "clarabel", "auto"])
@pytest.mark.parametrize("kind", GRAPHS)
def test_agrees_with_cvxpy_and_clarabel(kind: str, solver: str) -> None:
    for seed, d in ((0, 2), (1, 5)):
        a = blobs(d=d, seed=seed)
        graph = GRAPHS[kind](a)
        for gamma in (0.03, 0.3, 3.0):
            found = solve(a, graph, gamma, solver=solver)
            points_hat, objective = peer(a, graph, gamma)
            # Half a square is in the objective: a gap of g leaves sqrt(2 g) to the points.
            left = np.sqrt(2 * PEER_GAP * max(1.0, objective))
            np.testing.assert_allclose(found.points_hat, points_hat, rtol=0, atol=left)
            assert found.objective == pytest.approx(objective, rel=1e-8)
            assert found.certified
            check_optimality(a, graph, found)


def check_optimality(a: np.ndarray, graph: Graph, found: Solution) -> None:
    """The conditions of Karush, Kuhn and Tucker, and the consistency of the solution's parts."""
    size = np.abs(a).max()
    radius = found.gamma * graph.weights
    assert (np.linalg.norm(found.dual, axis=1) <= radius * (1 + 1e-12)).all()
    residual = a - graph.incidence().T @ found.dual - found.points_hat
    assert np.abs(residual).max() <= 1e-10 * size
    differences = graph.incidence() @ found.points_hat
    distance = np.linalg.norm(differences, axis=1)
    apart = distance > 1e-9 * size
    along = differences[apart] * (radius[apart] / distance[apart])[:, None]
    np.testing.assert_allclose(found.dual[apart], along, atol=1e-8 * size)
    np.testing.assert_allclose(found.points_hat, found.centroids[found.labels], atol=1e-12 * size)
    i, j = graph.edges.T
    np.testing.assert_array_equal(found.labels[i] == found.labels[j], ~apart)
    _, first = np.unique(found.labels, return_index=True)
    assert (np.diff(first) > 0).all()
    assert 0 <= found.gap <= 1e-12


@pytest.mark.parametrize("gamma", [0.1, 1.0, 10.0])
def test_labels_do_not_depend_on_the_tolerance(gamma: float) -> None:
    a = blobs((40, 40, 30), d=4, seed=3)
    graph = knn_graph(a, 10, 0.1)
    labels = [solve(a, graph, gamma, tol=tol).labels for tol in (1e-3, 1e-8, 1e-10, 1e-12)]
    for other in labels[1:]:
        np.testing.assert_array_equal(labels[0], other)


@pytest.mark.slow
def test_solvers_give_the_same_partition() -> None:
    a = blobs((60, 60, 80), seed=5)
    graph = knn_graph(a, 10, 0.5)
    for gamma in (0.5, 5.0, 50.0):
        found = [
            solve(a, graph, gamma, solver=name) for name in ("ama", "newton", "clarabel", "auto")
        ]
        for other in found[1:]:
            np.testing.assert_array_equal(found[0].labels, other.labels)
            np.testing.assert_allclose(found[0].points_hat, other.points_hat, atol=1e-9)


def test_last_borders_are_found_where_many_clusters_nearly_touch() -> None:
    """Small gamma, many clusters: interior points alone merge some of them."""
    a = blobs((150, 150), seed=2)
    found = solve(a, knn_graph(a), 0.5)
    assert found.certified
    assert found.labels.max() > 50
    check_optimality(a, knn_graph(a), found)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "gamma"), [(900, 0.5), (2500, 5.0)])
def test_auto_in_the_plane_finds_the_partition_of_newton(n: int, gamma: float) -> None:
    """On few edges interior points take all points, on more they take pieces."""
    a = blobs((n // 3, n - n // 3), seed=3)
    graph = knn_graph(a)
    found = solve(a, graph, gamma)
    assert found.certified
    assert found.solver == "clarabel"
    other = solve(a, graph, gamma, solver="newton")
    np.testing.assert_array_equal(found.labels, other.labels)
    check_optimality(a, graph, found)


def test_path_with_warm_starts_is_that_without() -> None:
    a = blobs(d=3)
    graph = gaussian_graph(a, 0.1)
    gammas = [0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
    found = path(a, graph, gammas)
    assert [each.gamma for each in found] == gammas
    for each in found:
        np.testing.assert_array_equal(each.labels, solve(a, graph, each.gamma).labels)
    numbers = [each.labels.max() + 1 for each in found]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] > 10
    assert numbers[-1] == 1


def test_warm_start_from_the_solution_takes_few_steps() -> None:
    a = blobs((50, 50), d=5)
    graph = knn_graph(a, 10, 0.1)
    cold = solve(a, graph, 0.3, solver="ama")
    warm = solve(a, reweighted(graph, a, 0.1), 0.3, solver="ama", start=cold)
    assert warm.iterations <= cold.iterations
    np.testing.assert_array_equal(warm.labels, cold.labels)


def test_beyond_the_fusion_value_each_component_is_one_cluster_at_its_mean() -> None:
    a = blobs((8, 14))
    graph = disconnected(a)
    found = solve(a, graph, 1e6)
    np.testing.assert_array_equal(found.labels, np.repeat([0, 1], [8, 14]))
    np.testing.assert_allclose(found.centroids, [a[:8].mean(axis=0), a[8:].mean(axis=0)], atol=1e-9)
    assert found.certified


def test_below_all_merges_each_point_is_its_own_cluster() -> None:
    found = solve(blobs(), unit_graph(22), 1e-9)
    assert found.labels.tolist() == list(range(22))
    assert found.certified


def test_two_points_merge_at_half_their_distance() -> None:
    """Closed form: with unit weight they meet at gamma = distance / 2."""
    a = np.array([[0.0, 0.0], [3.0, 4.0]])
    before = solve(a, unit_graph(2), 2.4)
    np.testing.assert_allclose(before.points_hat, [[1.44, 1.92], [1.56, 2.08]], atol=1e-12)
    assert solve(a, unit_graph(2), 2.5 + 1e-9).labels.tolist() == [0, 0]


# --- properties -----------------------------------------------------------------------------------

SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=15)


@FEW
@given(SEEDS, st.floats(0.05, 2.0), st.floats(-100, 100))
def test_translation_and_rotation_move_the_solution_with_the_points(
    seed: int, gamma: float, shift: float
) -> None:
    a = blobs((7, 6), d=3, seed=seed)
    graph = gaussian_graph(a, 0.1)
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    one, other = solve(a, graph, gamma), solve(a @ rotation + shift, graph, gamma)
    np.testing.assert_allclose(other.points_hat, one.points_hat @ rotation + shift, atol=1e-7)


@FEW
@given(SEEDS, st.floats(0.05, 2.0), st.floats(1e-3, 2.0))
def test_solution_is_a_nonexpansive_map_of_the_points(seed: int, gamma: float, size: float) -> None:
    a = blobs((7, 6), d=3, seed=seed)
    other = a + size * np.random.default_rng(seed + 1).normal(size=a.shape)
    graph = gaussian_graph(a, 0.1)
    moved = solve(other, graph, gamma).points_hat - solve(a, graph, gamma).points_hat
    assert np.linalg.norm(moved) <= np.linalg.norm(other - a) * (1 + 1e-9)


@FEW
@given(SEEDS, st.floats(0.02, 5.0), st.floats(1e-3, 1e3))
def test_scaling_points_and_penalty_scales_the_solution(
    seed: int, gamma: float, scale: float
) -> None:
    a = blobs((7, 6), seed=seed)
    graph = gaussian_graph(a, 0.1)
    one, other = solve(a, graph, gamma), solve(scale * a, graph, scale * gamma)
    np.testing.assert_allclose(other.points_hat, scale * one.points_hat, atol=1e-7 * scale)


# --- bad input ------------------------------------------------------------------------------------


def test_duplicate_points_share_a_cluster() -> None:
    a = np.repeat(blobs((3, 3)), 2, axis=0)
    found = solve(a, unit_graph(12), 0.01)
    np.testing.assert_array_equal(found.labels, np.repeat(np.arange(6), 2))
    same = solve(np.ones((5, 2)), unit_graph(5), 1.0)
    assert same.labels.tolist() == [0] * 5
    assert same.objective == same.gap == 0


def test_constant_features_stay_constant() -> None:
    a = blobs()
    wide = np.column_stack([a, np.full(22, 7.0)])
    graph = knn_graph(a, 5, 0.1)
    found = solve(wide, graph, 0.5)
    np.testing.assert_allclose(found.points_hat[:, 2], 7.0, rtol=1e-14)
    np.testing.assert_array_equal(found.labels, solve(a, graph, 0.5).labels)


def test_one_point_and_no_edges() -> None:
    found = solve(np.array([[3.0, 4.0]]), unit_graph(1), 1.0)
    assert found.labels.tolist() == [0]
    assert found.points_hat.tolist() == [[3.0, 4.0]]
    assert found.certified
    alone = solve(blobs(), Graph(22, np.empty((0, 2)), np.empty(0)), 1.0)
    assert alone.labels.tolist() == list(range(22))


@pytest.mark.parametrize("gamma", [0.0, -1.0, np.nan, np.inf])
def test_gamma_must_be_positive(gamma: float) -> None:
    with pytest.raises(UserError, match="gamma > 0"):
        solve(blobs(), unit_graph(22), gamma)


def test_other_bad_arguments_are_refused() -> None:
    a = blobs()
    bad = a.copy()
    bad[4, 1] = np.nan
    with pytest.raises(UserError, match="point 4"):
        solve(bad, unit_graph(22), 1.0)
    with pytest.raises(UserError, match="other points"):
        solve(a, unit_graph(5), 1.0)
    with pytest.raises(UserError, match="solver"):
        solve(a, unit_graph(22), 1.0, solver="simplex")
    with pytest.raises(UserError, match="gap"):
        solve(a, unit_graph(22), 1.0, tol=0.0)
    with pytest.raises(UserError, match="same edges"):
        solve(a, knn_graph(a, 3), 1.0, start=solve(a, unit_graph(22), 1.0))


def test_too_few_steps_say_so() -> None:
    a = blobs((60, 60), d=5)
    found = solve(a, knn_graph(a, 10, 0.1), 0.5, solver="ama", max_iter=3)
    assert found.iterations == 3
    assert not found.certified
    assert found.gap > 1e-6


# --- large problems -------------------------------------------------------------------------------


def test_without_proof_the_gap_is_what_was_asked() -> None:
    a = blobs((150, 150), seed=2)
    graph = knn_graph(a)
    exact = solve(a, graph, 0.5)
    found = solve(a, graph, 0.5, prove=False)
    assert found.gap <= 1e-8
    assert found.objective == pytest.approx(exact.objective, rel=2e-8)
    np.testing.assert_allclose(found.points_hat, exact.points_hat, atol=1e-2)


@pytest.mark.slow
def test_memory_grows_with_edges_and_not_with_their_square() -> None:
    """Peak of numpy's allocations; a dense matrix of 4,000 points alone would be 128 MB."""
    peaks = []
    for n in (1000, 4000):
        a = np.random.default_rng(0).normal(size=(n, 2))
        graph = knn_graph(a)
        graph.incidence()
        tracemalloc.start()
        solve(a, graph, 5.0, solver="ama", max_iter=60)
        peaks.append(tracemalloc.get_traced_memory()[1] / graph.m)
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
    assert max(peaks) < 3000
