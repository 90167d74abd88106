"""The safest gamma: few clusters only, and the largest radius of all that were tried."""

from __future__ import annotations

import numpy as np
import pytest

from advlearn.certificates.safest import safest_clustering
from advlearn.learners.convex import knn_graph, solve

GAMMAS = np.geomspace(0.05, 30, 9).tolist()


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    generator = np.random.default_rng(0)
    centres = np.repeat([[0.0, 0.0], [5.0, 0.0]], 8, axis=0)
    return centres + generator.normal(0, 0.4, centres.shape)


def test_the_largest_radius_of_few_clusters(points: np.ndarray) -> None:
    graph = knn_graph(points, 10, 0.5)
    found = safest_clustering(points, graph, 0.5, GAMMAS, most_clusters=3, sweeps=10, tol=1e-10)
    assert found is not None
    clustering, size = found
    assert 1 < clustering.n_clusters <= 3
    assert (solve(points, graph, clustering.gamma).labels == clustering.labels).all()
    assert size == clustering.radius(points, "recomputed", "exact_directions", 10)
    for gamma in GAMMAS:
        other = safest_clustering(
            points, graph, 0.5, [gamma], most_clusters=3, sweeps=10, tol=1e-10
        )
        assert other is None or other[1] <= size * (1 + 1e-9)


def test_none_where_no_gamma_gives_few_clusters(points: np.ndarray) -> None:
    graph = knn_graph(points, 10, 0.5)
    assert (
        safest_clustering(points, graph, 0.5, [1e-6], most_clusters=3, sweeps=10, tol=1e-10) is None
    )
