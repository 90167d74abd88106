"""Calmness: solutions move no further than the bound, the bound no further than the modulus."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from advlearn.certificates import calmness_bound, calmness_modulus
from advlearn.learners.convex import gaussian_graph, knn_graph, reweighted, solve, unit_graph
from advlearn.support.errors import UserError
from tests.helpers.certificates import blobs


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(2)


@pytest.mark.parametrize("weights", ["fixed", "recomputed"])
def test_solutions_are_calm(generator: np.random.Generator, weights: Any) -> None:
    closest = 0.0
    for _ in range(12):
        points, _ = blobs(generator, [5, 6, 4], int(generator.integers(1, 4)), 5.0, 0.7)
        phi = float(generator.uniform(0.05, 0.5))
        graph = (
            gaussian_graph(points, phi) if generator.random() < 0.5 else knn_graph(points, 4, phi)
        )
        gamma = float(np.exp(generator.uniform(-3, 1)))
        before = solve(points, graph, gamma, tol=1e-10).points_hat
        shift = generator.standard_normal(points.shape) * 10 ** generator.uniform(-2, 0)
        moved = points + shift
        new = graph if weights == "fixed" else reweighted(graph, moved, phi)
        change = np.linalg.norm(solve(moved, new, gamma, tol=1e-10).points_hat - before)
        limit = calmness_bound(points, moved, graph, gamma, phi, weights)
        assert change <= limit * (1 + 1e-6)
        assert limit <= calmness_modulus(points, graph, gamma, phi, weights) * np.linalg.norm(
            shift
        ) * (1 + 1e-9)
        closest = max(closest, float(change / limit))
    assert closest > 0.3


def test_a_common_shift_attains_the_modulus_of_fixed_weights(
    generator: np.random.Generator,
) -> None:
    points, _ = blobs(generator, [5, 5], 2, 5.0, 0.5)
    graph = unit_graph(10)
    moved = points + np.array([1.0, -2.0])
    change = solve(moved, graph, 0.1).points_hat - solve(points, graph, 0.1).points_hat
    assert np.linalg.norm(change) == pytest.approx(
        calmness_bound(points, moved, graph, 0.1), rel=1e-5
    )
    assert calmness_modulus(points, graph, 0.1) == 1.0


def test_the_modulus_of_a_complete_graph_has_the_closed_form(
    generator: np.random.Generator,
) -> None:
    points = generator.standard_normal((9, 2))
    graph = gaussian_graph(points, 0.3)
    expected = 1 + 0.7 * math.sqrt(0.6 / math.e) * 2 * (9 - 1)
    found = calmness_modulus(points, graph, 0.7, 0.3, "recomputed")
    assert found == pytest.approx(expected, rel=1e-12)
    assert (
        calmness_modulus(points[:1], gaussian_graph(points[:1], 0.3), 0.7, 0.3, "recomputed") == 1.0
    )


def test_large_graphs_give_the_same_modulus(
    generator: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = generator.standard_normal((60, 2))
    graph = knn_graph(points, 5, 0.5)
    dense = calmness_modulus(points, graph, 1.0, 0.5, "recomputed")
    monkeypatch.setattr("advlearn.certificates.calmness._DENSE", 10)
    assert calmness_modulus(points, graph, 1.0, 0.5, "recomputed") == pytest.approx(dense, rel=1e-8)


def test_bad_input_is_refused(generator: np.random.Generator) -> None:
    points = generator.standard_normal((6, 2))
    graph = gaussian_graph(points, 0.3)
    with pytest.raises(UserError, match="penalty"):
        calmness_modulus(points, graph, 0.0)
    with pytest.raises(UserError, match="one shape"):
        calmness_bound(points, points[:, :1], graph, 1.0)
    with pytest.raises(UserError, match="one size"):
        calmness_bound(points[:5], points[:5], graph, 1.0)
    with pytest.raises(UserError, match="need the rate"):
        calmness_modulus(points, graph, 1.0, None, "recomputed")
    with pytest.raises(UserError, match="NaN"):
        calmness_bound(points, np.full((6, 2), np.nan), graph, 1.0)
