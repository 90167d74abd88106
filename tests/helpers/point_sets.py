"""Small point sets whose convex clustering is known."""

from __future__ import annotations

from functools import cache

import numpy as np

from advlearn.learners.convex import Graph, gaussian_graph, knn_graph, solve
from advlearn.learners.partitioners import ConvexPartitioner, Weights


def blobs(sizes: tuple[int, ...], d: int, apart: float, spread: float, seed: int) -> np.ndarray:
    """Normal blobs at the corners of a simplex whose edges are ``apart`` long."""
    generator = np.random.default_rng(seed)
    corners = np.zeros((len(sizes), d))
    for number in range(1, len(sizes)):
        corners[number, number - 1] = apart
    return np.concatenate(
        [
            corner + spread * generator.standard_normal((size, d))
            for corner, size in zip(corners, sizes, strict=True)
        ]
    )


def convex(
    points: np.ndarray, gamma: float, phi: float = 0.1, weights: Weights = "fixed"
) -> ConvexPartitioner:
    graph: Graph = gaussian_graph(points, phi)
    return ConvexPartitioner(graph, gamma, weights, phi)


@cache
def line(seed: int) -> tuple[np.ndarray, np.ndarray, Graph, float]:
    """Points on a line and a gamma with two to four clusters."""
    generator = np.random.default_rng(seed)
    centres = np.cumsum(generator.uniform(1.5, 3.0, size=3))
    points = (centres[np.arange(12) % 3] + 0.4 * generator.standard_normal(12))[:, None]
    graph = gaussian_graph(points, 0.3) if seed % 2 else knn_graph(points, 5, 0.3)
    for gamma in np.geomspace(3.0, 0.01, 30):
        found = solve(points, graph, float(gamma), tol=1e-11)
        if 2 <= len(found.centroids) <= 4 and np.bincount(found.labels).max() > 2:
            return points, found.labels, graph, float(gamma)
    raise AssertionError("no gamma gives a few clusters")
