from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from advlearn.learners.convex import knn_graph, solve, unit_graph
from advlearn.learners.convex.conic import interior_point
from advlearn.learners.convex.graph import connected
from advlearn.learners.convex.sieve import sieve
from advlearn.learners.convex.solution import objective

SETTINGS: dict[str, Any] = {"largest": 10_000, "flow_steps": 200, "tol": 1e-8, "provable": 20_000}


def points(n: int = 120) -> np.ndarray:
    rng = np.random.default_rng(1)
    found = rng.normal(size=(n, 2)) + 3 * rng.normal(size=(4, 2))[rng.integers(4, size=n)]
    centred: np.ndarray = found - found.mean(axis=0)
    return centred


@pytest.mark.parametrize("method", ["newton", "clarabel"])
@pytest.mark.parametrize("kind", ["single points", "the clusters", "one wrong piece"])
def test_any_pieces_lead_to_the_exact_partition(kind: str, method: str) -> None:
    a = points()
    graph = knn_graph(a, 10, 0.1)
    exact = solve(a, graph, 0.5, solver="ama")
    pieces = {
        "single points": np.arange(120),
        "the clusters": exact.labels,
        "one wrong piece": connected(120, graph.edges[:60]),
    }[kind]
    if kind == "one wrong piece":
        joined = exact.labels[graph.edges[:60]]
        assert (joined[:, 0] != joined[:, 1]).any()
    found = sieve(a, graph, 0.5, pieces, np.zeros((graph.m, 2)), method=method, **SETTINGS)
    assert found.proof is not None
    assert found.proof.valid
    np.testing.assert_array_equal(found.labels, exact.labels)
    np.testing.assert_allclose(found.solution, exact.points_hat, atol=1e-9)


def test_too_large_a_problem_is_not_begun() -> None:
    a = points()
    graph = knn_graph(a)
    settings = {**SETTINGS, "method": "newton", "largest": 100}
    found = sieve(a, graph, 0.5, np.arange(120), np.zeros((graph.m, 2)), **settings)
    assert (found.proof, found.gap, found.steps) == (None, np.inf, 0)


def test_masses_count_as_repeated_points() -> None:
    """Two points at one place with doubled weights are one point of mass two."""
    a = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 5.0]])
    graph = unit_graph(3).with_weights(np.array([2.0, 2.0, 1.0]))
    found, _, _ = interior_point(a, graph, 0.5, 1e-11, np.array([2.0, 1.0, 1.0]))
    repeated = a[[0, 0, 1, 2]]
    whole = unit_graph(4).with_weights(np.array([9.0, 1, 1, 1, 1, 1]))
    exact = solve(repeated, whole, 0.5)
    # Half a square is in the objective: a gap of g leaves sqrt(2 g) to the points.
    left = np.sqrt(2 * 1e-11 * exact.objective)
    np.testing.assert_allclose(found[[0, 0, 1, 2]], exact.points_hat, rtol=0, atol=left)
    assert objective(repeated, whole, 0.5, found[[0, 0, 1, 2]]) == pytest.approx(
        exact.objective, rel=1e-9
    )
