"""Small point sets whose convex clustering is known."""

from __future__ import annotations

import numpy as np

from advlearn.learners.convex import Graph, gaussian_graph
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
