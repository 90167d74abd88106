"""Resistant convex clustering against CVXPY, and what makes it resistant."""

from __future__ import annotations

import math

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advlearn.learners.convex import Graph, gaussian_graph, knn_graph, solve
from advlearn.learners.convex.resistant import huber, solve_resistant
from advlearn.support.errors import UserError
from tests.helpers.point_sets import blobs

pytestmark = pytest.mark.slow


def by_cvxpy(points: np.ndarray, graph: Graph, gamma: float, threshold: float) -> np.ndarray:
    x = cvxpy.Variable(points.shape)
    ends = graph.edges
    norms = cvxpy.norm(x[ends[:, 0]] - x[ends[:, 1]], 2, axis=1)
    loss = 0.5 * cvxpy.sum(cvxpy.huber(points - x, threshold))  # type: ignore[arg-type]
    problem = cvxpy.Problem(cvxpy.Minimize(loss + gamma * (graph.weights @ norms)))
    problem.solve(solver=cvxpy.CLARABEL)
    return np.asarray(x.value)


def spoiled(seed: int, d: int = 2) -> np.ndarray:
    """Two blobs, one coordinate of one point far off."""
    points = blobs((7, 6), d, 4.0, 0.5, seed=seed)
    points[3, 0] += 15.0
    return points


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("gamma", "threshold"), [(0.05, 0.5), (0.3, 0.4), (0.3, 2.0), (2.0, 1.0)])
def test_the_solution_is_that_of_cvxpy(seed: int, gamma: float, threshold: float) -> None:
    points = spoiled(seed, d=2 + seed)
    graph = gaussian_graph(points, 0.01)
    found = solve_resistant(points, graph, gamma, threshold, tol=1e-10)
    expected = by_cvxpy(points, graph, gamma, threshold)
    assert found.gap <= 1e-10
    assert np.abs(found.solution.points_hat - expected).max() < 2e-4
    value = huber(points - expected, threshold)
    ends = graph.edges
    value += (
        gamma * graph.weights @ np.linalg.norm(expected[ends[:, 0]] - expected[ends[:, 1]], axis=1)
    )
    assert found.objective == pytest.approx(value, rel=1e-7)
    assert found.objective <= value * (1 + 1e-9)


@settings(max_examples=30, deadline=None)
@given(st.floats(-50, 50), st.floats(1e-3, 20))
def test_huber_is_the_least_over_what_is_set_aside(value: float, threshold: float) -> None:
    aside = np.linspace(-60, 60, 4001)
    least = (0.5 * (value - aside) ** 2 + threshold * np.abs(aside)).min()
    assert huber(np.array([value]), threshold) <= least + 1e-12
    assert huber(np.array([value]), threshold) == pytest.approx(least, abs=2e-3)


@pytest.mark.parametrize("threshold", [1e6, math.inf])
def test_a_large_threshold_gives_plain_convex_clustering(threshold: float) -> None:
    points = spoiled(2)
    graph = knn_graph(points, 6, 0.1)
    found = solve_resistant(points, graph, 0.4, threshold)
    plain = solve(points, graph, 0.4)
    assert found.iterations == 1
    assert not found.outlying.any()
    assert np.abs(found.solution.points_hat - plain.points_hat).max() < 1e-9
    assert (found.solution.labels == plain.labels).all()


def test_of_one_cluster_the_centroid_is_hubers_estimate() -> None:
    points = spoiled(3)
    graph = gaussian_graph(points, 0.0)
    found = solve_resistant(points, graph, 10.0, 0.7, tol=1e-11)
    assert found.solution.labels.max() == 0
    centre = found.solution.centroids[0]
    # Where all points are one, each coordinate minimises Huber's loss by itself.
    clipped = np.clip(points - centre, -0.7, 0.7)
    assert np.abs(clipped.sum(axis=0)).max() < 1e-4


def test_an_outlier_moves_its_cluster_by_little() -> None:
    points = blobs((8, 8), 2, 5.0, 0.4, seed=4)
    graph = knn_graph(points, 5, 0.5)
    far = points.copy()
    far[0] += 40.0

    def shift(threshold: float) -> float:
        clean, moved = (
            solve_resistant(each, graph, 1.0, threshold).solution.points_hat
            for each in (points, far)
        )
        return float(np.linalg.norm(moved[1:8] - clean[1:8], axis=1).max())

    assert shift(0.5) < 0.25 * shift(math.inf)
    further = far.copy()
    further[0] += 1000.0
    at = [solve_resistant(p, graph, 1.0, 0.5).solution.points_hat[1:8] for p in (far, further)]
    assert np.abs(at[0] - at[1]).max() < 1e-3  # beyond the threshold, how far does not matter


def test_what_is_set_aside_is_what_lies_beyond_the_threshold() -> None:
    points = spoiled(5)
    found = solve_resistant(points, gaussian_graph(points, 0.01), 0.3, 0.6, tol=1e-11)
    residual = points - found.solution.points_hat
    expected = np.sign(residual) * np.maximum(np.abs(residual) - 0.6, 0)
    assert np.abs(found.outlying - expected).max() < 1e-4
    assert found.outlying[3, 0] > 10
    assert (found.cleaned == points - found.outlying).all()


def test_a_warm_start_is_as_good_and_shorter() -> None:
    points = spoiled(6)
    graph = knn_graph(points, 6, 0.2)
    cold = solve_resistant(points, graph, 0.3, 0.4)
    warm = solve_resistant(points + 1e-4, graph, 0.3, 0.4, start=cold)
    again = solve_resistant(points + 1e-4, graph, 0.3, 0.4)
    assert warm.iterations < again.iterations
    assert warm.objective == pytest.approx(again.objective, rel=1e-7)
    assert (warm.solution.labels == again.solution.labels).all()


@pytest.mark.parametrize("threshold", [0.0, -1.0, math.nan])
def test_thresholds_that_are_none(threshold: float) -> None:
    points = spoiled(0)
    with pytest.raises(UserError, match="threshold above 0"):
        solve_resistant(points, knn_graph(points, 3), 1.0, threshold)
