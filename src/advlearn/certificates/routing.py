"""Linear routings: how the forces on the points of a cluster flow along its edges.

A routing of a cluster is a matrix R (m_a, n_a) with B^T R = I - 11^T / n_a: for every demand b
(n_a, d) whose rows add up to 0, R b is a flow on the edges with divergence b. Sun, Toh & Yuan's
(2021) proof uses R_ij = (e_i - e_j) / n_a on the complete graph; any routing serves as well, and
any convex combination of routings is one (derived here, see docs/studies/bilevel-certificates.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.linalg import LinAlgError
from scipy import sparse

from advlearn.certificates.blocks import Cluster
from advlearn.support.errors import UserError

Matrix: TypeAlias = np.ndarray | sparse.csr_array
"""A routing: dense, or sparse where most entries are 0."""

LARGEST = 100_000_000
"""Entries of a dense routing, edges times points of a cluster (800 MB)."""

# Conductances that are further below the largest would only make the Laplacian singular.
_SPAN = 1e-9
# How far B^T R may be from the projection, entry by entry, before a routing is thrown away.
_EXACT = 1e-10
_STEP = 0.3


def complete_routing(cluster: Cluster) -> sparse.csr_array:
    """R_ij = (e_i - e_j) / n_a of a complete cluster (Sun, Toh & Yuan 2021), sparse."""
    n = len(cluster.members)
    values = np.tile([1.0 / n, -1.0 / n], len(cluster.edges))
    starts = np.arange(0, 2 * len(cluster.edges) + 1, 2)
    return sparse.csr_array((values, cluster.edges.ravel(), starts), shape=(len(cluster.edges), n))


def electrical_routing(cluster: Cluster, conductances: np.ndarray) -> np.ndarray | None:
    """R = C B L_c^+ of conductances c (m_a,) > 0; none where rounding spoils it."""
    n = len(cluster.members)
    i, j = cluster.edges.T
    laplacian = np.zeros((n, n))
    np.add.at(laplacian, (i, j), -conductances)
    np.add.at(laplacian, (j, i), -conductances)
    diagonal = -laplacian.sum(axis=1)
    laplacian[np.arange(n), np.arange(n)] += diagonal
    # L + s 11^T / n has the same pseudo-inverse on the demands, which add up to 0.
    laplacian += diagonal.mean() / n
    try:
        inverse = np.linalg.inv(laplacian)
    except LinAlgError:
        return None
    routing: np.ndarray = conductances[:, None] * (inverse[i] - inverse[j])
    divergence = np.zeros((n, n))
    np.add.at(divergence, i, routing)
    np.add.at(divergence, j, -routing)
    wrong = np.abs(divergence - np.eye(n) + 1.0 / n).max()
    return routing if wrong <= _EXACT else None


def best_routing(
    cluster: Cluster,
    weights: np.ndarray,
    score: Callable[[Matrix], tuple[float, np.ndarray]],
    sweeps: int,
) -> tuple[float, Matrix | None]:
    """The routing of the best score among electrical flows and their averages.

    Multiplicative weights: begin with c = w; after each sweep c_e is multiplied by
    exp(-0.3 load_e / largest load). Scored are each sweep's routing and the average of all so far,
    later ones counted more. Every one of them is a routing, so the best may be kept.

    Args:
        cluster: connected, with at least one edge.
        weights: w, (m_a,).
        score: routing -> (value, larger is better; load of each edge, (m_a,) >= 0).
        sweeps: how often c is changed, >= 0.

    Returns:
        The best value (-inf where rounding spoiled all) and its routing.

    Raises:
        UserError: the cluster is so large that a dense routing does not fit in memory.
    """
    if len(cluster.edges) * len(cluster.members) > LARGEST:
        raise UserError(
            "a cluster is too large for a dense routing",
            where=f"{len(cluster.members)} points with {len(cluster.edges)} edges, at most"
            f" {LARGEST} = points x edges",
            remedy="use the graph of nearest neighbours, or the method sun_toh_yuan",
        )
    conductances = np.maximum(weights / weights.max(), _SPAN)
    best: tuple[float, Matrix | None] = (-np.inf, None)
    mean: np.ndarray | None = None
    for sweep in range(sweeps + 1):
        routing = electrical_routing(cluster, conductances)
        if routing is None:
            break
        value, load = score(routing)
        if value > best[0]:
            best = (value, routing)
        if mean is None:
            mean = routing
        else:
            mean = mean + 2.0 / (sweep + 2.0) * (routing - mean)
            value, _ = score(mean)
            if value > best[0]:
                best = (value, mean)
        largest = load.max()
        if not (np.isfinite(largest) and largest > 0):
            break
        conductances = conductances * np.exp(-_STEP * load / largest)
        conductances = np.maximum(conductances / conductances.max(), _SPAN)
    return best
