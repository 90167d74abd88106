"""The exact radius of a small clustering on a line, by looking at every cut of every cluster.

With one feature the directions between centroids are signs, which stay until clusters meet, so
nothing turns and the two conditions of a partition (docs/studies/bilevel-certificates.md) can be
solved. Moving every point by at most eps changes the distance of two centroids by at most 2 eps,
which the two clusters attain by moving rigidly. A cluster V of n points splits once

    eps > min over parts S of (gamma cut_S - |r_S|) n / (2 |S| (n - |S|)),

r_S the sum of the forces on S: by duality a cluster holds together while sum gamma w_ij |y_i - y_j|
- <b, Y> - eps sum |y_i| >= 0 for all centred Y, which is concave on the cone of the Y in one order,
so that its least ratio is on an edge of the cone, and these are the cuts (derived here).
"""

from __future__ import annotations

import math

import numpy as np

from advlearn.certificates.blocks import Blocks, Cluster, blocks
from advlearn.certificates.calmness import check_weights
from advlearn.certificates.radius import Radius
from advlearn.certificates.turning import SolvedCentroids, solve_centroids
from advlearn.learners.convex.graph import Graph
from advlearn.support.errors import UserError

__all__ = ["LARGEST", "exact_radius"]

LARGEST = 20
"""Points of a cluster: it has 2^19 cuts."""

_CHUNK = 1 << 14


def exact_radius(points: np.ndarray, labels: np.ndarray, graph: Graph, gamma: float) -> Radius:
    """The largest eps such that no move of every point by less than eps changes the partition.

    Args:
        points: A, (n, 1) finite.
        labels: (n,) integers, the partition of the solution; for another one the radius is 0.
        graph: on n points; its weights stay.
        gamma: penalty, > 0.

    Raises:
        UserError: arrays that do not fit, a wrong gamma, more than one feature, or a cluster of
            more than `LARGEST` points.
    """
    cut = blocks(points, labels, graph)
    check_weights(cut.points, graph, gamma, "fixed", None)
    largest = int(cut.sizes.max())
    if cut.points.shape[1] != 1 or largest > LARGEST:
        raise UserError(
            "the exact radius is known of small clusters on a line only",
            where=f"{cut.points.shape[1]} features, clusters of up to {largest} points",
            remedy=f"take one feature and at most {LARGEST} points a cluster, or certify a lower"
            " bound with radius",
        )
    if not all(cluster.connected for cluster in cut.clusters):
        return Radius(0.0, 0.0, 0.0)
    solved, outside = None, math.inf
    if len(cut.pairs):
        solved = solve_centroids(cut, gamma)
        if solved is None:
            return Radius(0.0, 0.0, 0.0)
        outside = float(solved.distances.min()) / 2
    forces = _forces(cut, solved)
    inside = min(
        (_inside(cut, cluster, forces[cluster.members], gamma) for cluster in cut.clusters),
        default=math.inf,
    )
    return Radius(min(inside, outside), inside, outside)


def _forces(cut: Blocks, solved: SolvedCentroids | None) -> np.ndarray:
    """b, (n,): what is left of each point and of the pull on it, less the mean of its cluster."""
    left = cut.points.copy()
    if solved is not None:
        left = left - solved.forces(cut.pulls(cut.graph.weights))
    means = np.bincount(cut.labels, left[:, 0]) / cut.sizes
    found: np.ndarray = left[:, 0] - means[cut.labels]
    return found


def _inside(cut: Blocks, cluster: Cluster, forces: np.ndarray, gamma: float) -> float:
    """Least size that pulls a part off the cluster; inf for a single point."""
    n = len(cluster.members)
    capacities = gamma * cut.graph.weights[cluster.rows]
    least = math.inf
    # Every part is the rest of another one: the last point stays outside.
    for first in range(1, 1 << (n - 1), _CHUNK):
        codes = np.arange(first, min(first + _CHUNK, 1 << (n - 1)))
        inside = (codes[:, None] >> np.arange(n)) & 1
        crossing = inside[:, cluster.edges[:, 0]] != inside[:, cluster.edges[:, 1]]
        count = inside.sum(axis=1)
        slack = crossing @ capacities - np.abs(inside @ forces)
        least = min(least, float((slack * n / (2 * count * (n - count))).min()))
    return max(0.0, least)
