"""How far the solution of convex clustering moves with the data: calmness of A -> X*(A).

With fixed weights A -> X*(A) is a proximal map, so it moves by at most |E|_F. With weights
w_ij = exp(-phi |a_i - a_j|^2) on a frozen topology X*(A) is the proximal map of the new penalty at
A - gamma B^T ((w - w') s), s the subgradients at X*(A), hence (derived here,
docs/studies/bilevel-certificates.md)

    |X*(A + E) - X*(A)|_F <= |E|_F + gamma ( sum_i ( sum_j |w'_ij - w_ij| )^2 )^(1/2)
                          <= ( 1 + gamma sqrt(2 phi / e) lambda ) |E|_F,

lambda the largest eigenvalue of D + Adj of the unweighted graph (2 (n - 1) on the complete one).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from advlearn.learners.convex.graph import Graph, check_points
from advlearn.support.errors import UserError

Weights = Literal["fixed", "recomputed"]

_DENSE = 500
_WEIGHTS_AGREE = 1e-9


def calmness_modulus(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    phi: float | None = None,
    weights: Weights = "fixed",
) -> float:
    """A global Lipschitz modulus of A -> X*(A) in Frobenius norm, >= 1.

    Args:
        points: A, (n, d).
        graph: topology, and where weights are fixed their values.
        gamma: penalty, > 0.
        phi: rate of the Gaussian weights; needed where they are recomputed.
        weights: ``fixed``, or ``recomputed`` from the perturbed points, topology frozen.

    Raises:
        UserError: wrong values, or weights that are not those of ``phi``.
    """
    points = check_points(points)
    check_weights(points, graph, gamma, weights, phi)
    if weights == "fixed" or not graph.m or phi is None:
        return 1.0
    # |d/dt exp(-phi t^2)| is at most sqrt(2 phi / e); a distance changes by |e_i| + |e_j| at most.
    return 1.0 + gamma * math.sqrt(2.0 * phi / math.e) * _signless(graph)


def calmness_bound(
    points: np.ndarray,
    perturbed: np.ndarray,
    graph: Graph,
    gamma: float,
    phi: float | None = None,
    weights: Weights = "fixed",
) -> float:
    """How far X* moves at most from ``points`` to ``perturbed``, in Frobenius norm.

    The middle of the chain above: sharper than the modulus times |E|_F.

    Args:
        points: A, (n, d).
        perturbed: A + E, (n, d).
        graph: topology and weights of ``points``.
        gamma: penalty, > 0.
        phi: rate of the Gaussian weights; needed where they are recomputed.
        weights: ``fixed`` or ``recomputed``.

    Raises:
        UserError: as `calmness_modulus`, or shapes that differ.
    """
    points, perturbed = check_points(points), check_points(perturbed)
    if points.shape != perturbed.shape:
        raise UserError(
            "points and perturbed points are not of one shape",
            where=f"{points.shape} and {perturbed.shape}",
            remedy="give both as (n, d)",
        )
    check_weights(points, graph, gamma, weights, phi)
    moved = float(np.linalg.norm(perturbed - points))
    if weights == "fixed" or phi is None:
        return moved
    change = np.abs(gaussian(perturbed, graph.edges, phi) - graph.weights)
    sums = np.bincount(graph.edges.ravel(), np.repeat(change, 2), minlength=graph.n)
    return moved + gamma * float(np.linalg.norm(sums))


def gaussian(points: np.ndarray, edges: np.ndarray, phi: float) -> np.ndarray:
    """exp(-phi |a_i - a_j|^2) of each edge, (m,); may underflow to 0."""
    differences = points[edges[:, 0]] - points[edges[:, 1]]
    found: np.ndarray = np.exp(-phi * np.einsum("ij,ij->i", differences, differences))
    return found


def check_weights(
    points: np.ndarray, graph: Graph, gamma: float, weights: str, phi: float | None
) -> None:
    """Check that gamma, and the model of the weights, are what a certificate may assume.

    Raises:
        UserError: gamma is not > 0, an unknown mode, points of another number than the graph's,
            no phi where weights are recomputed, or a graph with other weights than those of phi.
    """
    if not (math.isfinite(gamma) and gamma > 0):
        raise UserError(
            "the penalty must be a finite number > 0",
            where=f"gamma = {gamma}",
            remedy="give gamma > 0; at 0 every point is a cluster of its own",
        )
    if graph.n != len(points):
        raise UserError(
            "points and graph are not of one size",
            where=f"{len(points)} points, graph of {graph.n}",
            remedy="give the graph of these points",
        )
    if weights not in ("fixed", "recomputed"):
        raise UserError(
            f"unknown kind of weights {weights!r}",
            where=f"weights = {weights!r}",
            remedy="use fixed, or recomputed (Gaussian weights of the perturbed points)",
        )
    if weights == "fixed":
        return
    if phi is None or not (math.isfinite(phi) and phi >= 0):
        raise UserError(
            "weights that are recomputed need the rate phi of exp(-phi distance^2)",
            where=f"phi = {phi}",
            remedy="give the finite phi >= 0 with which the graph was made",
        )
    expected = gaussian(points, graph.edges, phi)
    if not np.allclose(expected, graph.weights, rtol=_WEIGHTS_AGREE, atol=0):
        raise UserError(
            "the weights of the graph are not exp(-phi distance^2) of these points",
            where=f"phi = {phi}",
            remedy="give the phi and the points of the graph, or certify with weights fixed",
        )


def _signless(graph: Graph) -> float:
    """Largest eigenvalue of D + Adj of the unweighted graph."""
    counts = np.bincount(graph.edges.ravel(), minlength=graph.n).astype(np.float64)
    most = float(counts[graph.edges].sum(axis=1).max())
    incidence = abs(graph.incidence())
    matrix = incidence.T @ incidence
    if graph.n <= _DENSE:
        return min(most, float(np.linalg.eigvalsh(matrix.toarray())[-1]))
    try:
        # A fixed start: ARPACK's own is random.
        top = eigsh(
            sparse.csr_array(matrix, dtype=np.float64),
            k=1,
            v0=np.ones(graph.n),
            tol=1e-10,
            return_eigenvectors=False,
        )
    except ArpackNoConvergence:
        return most
    return min(most, float(top[0]) * (1.0 + 1e-9))
