"""The gamma at which the partition of a graph is certified against the largest perturbation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from advlearn.certificates.radius import Method, radius
from advlearn.learners.convex import Graph, Solution, solve
from advlearn.learners.partitioners import Weights

__all__ = ["Clustering", "safest_clustering"]


@dataclass(frozen=True, eq=False)
class Clustering:
    """Convex clustering of the clean points in one setting, and its partition.

    Attributes:
        labels: (n,), clusters numbered from 0.
        graph: of the clean points.
        gamma: penalty.
        phi: decay of recomputed weights.
    """

    labels: np.ndarray
    graph: Graph
    gamma: float
    phi: float

    @property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return int(self.labels.max()) + 1

    def radius(self, points: np.ndarray, weights: Weights, method: Method, sweeps: int) -> float:
        """The certified radius; see :func:`advlearn.certificates.radius.radius`."""
        return radius(
            points,
            self.labels,
            self.graph,
            self.gamma,
            method=method,
            weights=weights,
            phi=self.phi,
            sweeps=sweeps,
        ).value


def safest_clustering(
    points: np.ndarray,
    graph: Graph,
    phi: float,
    gammas: Iterable[float],
    *,
    most_clusters: int,
    sweeps: int,
    tol: float,
) -> tuple[Clustering, float] | None:
    """The clustering of the largest radius against an attacker who changes the weights, too.

    Args:
        points: (n, d).
        graph: of the points.
        phi: decay of its weights.
        gammas: ascending penalties to try.
        most_clusters: clusterings with more clusters are left out, as is one cluster.
        sweeps: of the search for the best routing of forces.
        tol: relative duality gap of the solutions.

    Returns:
        The clustering and its radius, the first of several; none where no gamma gives a few
        clusters.
    """
    start: Solution | None = None
    found: list[tuple[Clustering, float]] = []
    for gamma in gammas:
        start = solve(points, graph, gamma, tol=tol, start=start)
        if 1 < len(start.centroids) <= most_clusters:
            clustering = Clustering(start.labels, graph, gamma, phi)
            size = clustering.radius(points, "recomputed", "exact_directions", sweeps)
            found.append((clustering, size))
    return max(found, key=lambda each: each[1], default=None)
