"""Derivatives of the solution of convex clustering with respect to points, weights and penalty.

    X(A, w, gamma) = argmin 1/2 |X - A|^2 + gamma sum_e w_e |x_i - x_j|

Derived here by the implicit function theorem. While the partition stays as it is, each cluster is
one point u of mass n, and the solution solves a smooth problem of the K centroids with the weights
W between clusters; its Hessian H is positive definite. For a loss with gradient G = dl/dX, with
y = H^-1 Q'G (Q: the membership matrix) and v = (u_a - u_b) / |u_a - u_b|,

    dl/da_i = y of its cluster,   dl/dw_ij = -gamma (y_a - y_b).v between clusters, 0 within one,
    dl/dgamma = -sum_ab W_ab (y_a - y_b).v

So with fixed weights all points of a cluster have the same gradient: it can merge clusters and
never split one, and a deviation of labels has derivative 0 wherever it has one.

Replacing |v| by Huber's function (|v|^2 / 2 mu within mu, else |v| - mu/2) gives a solution that is
differentiable everywhere, with every point a cluster of its own; mu -> 0 leads back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg

from advlearn.learners.convex.graph import Graph
from advlearn.learners.convex.solution import lengths
from advlearn.support.errors import UserError
from advlearn.support.finite import check_finite

__all__ = ["Sensitivity", "exact", "huber_solution", "smoothed"]

_NO_DERIVATIVE = "scale the features, or take another gamma: centroids of two clusters may coincide"
_NEWTON_STEPS = 60
_CG_STEPS = 5_000


@dataclass(frozen=True)
class Sensitivity:
    """Derivatives of a loss of the solution.

    Attributes:
        points: dl/dA at fixed weights, (n, d).
        weights: dl/dw of each edge, (m,).
        gamma: dl/dgamma.

    Raises:
        UserError: a derivative is not finite.
    """

    points: np.ndarray
    weights: np.ndarray
    gamma: float

    def __post_init__(self) -> None:
        check_finite(
            self.points, "derivatives of the clustering", thing="points", remedy=_NO_DERIVATIVE
        )
        check_finite(
            self.weights, "derivatives of the clustering", thing="edges", remedy=_NO_DERIVATIVE
        )

    def recomputed(self, points: np.ndarray, graph: Graph, phi: float) -> np.ndarray:
        """dl/dA (n, d) where the weights follow the points, w = exp(-phi |a_i - a_j|^2)."""
        total: np.ndarray = self.points + through_weights(points, graph, phi, self.weights)
        return total


def through_weights(points: np.ndarray, graph: Graph, phi: float, slopes: np.ndarray) -> np.ndarray:
    """What dl/dw = ``slopes`` (m,) adds to dl/dA (n, d): dw/da_i = -2 phi w (a_i - a_j)."""
    incidence = graph.incidence()
    factor = -2.0 * phi * graph.weights * slopes
    added: np.ndarray = incidence.T @ (factor[:, None] * (incidence @ points))
    return added


def exact(
    labels: np.ndarray,
    centroids: np.ndarray,
    graph: Graph,
    gamma: float,
    gradient: np.ndarray,
    *,
    tol: float = 1e-12,
) -> Sensitivity:
    """Derivatives at the solution, where the partition is locally constant.

    Args:
        labels: (n,) clusters 0..K-1 of the solution.
        centroids: (K, d) the common solution of each cluster, pairwise different where an edge
            joins two clusters.
        graph: the graph that was solved with.
        gamma: the penalty that was solved with, > 0.
        gradient: dl/dX (n, d).
        tol: relative residual of the linear system of K d unknowns.

    Raises:
        UserError: a penalty that is not positive.
    """
    _check_gamma(gamma)
    n_clusters = len(centroids)
    ends = labels[graph.edges]
    between = ends[:, 0] != ends[:, 1]
    low, high = ends[between].min(axis=1), ends[between].max(axis=1)
    codes, pair = np.unique(low * n_clusters + high, return_inverse=True)
    pairs = np.stack([codes // n_clusters, codes % n_clusters], axis=1)
    quotient = Graph(
        n_clusters, pairs, np.bincount(pair, graph.weights[between], minlength=len(codes))
    )
    mass = np.bincount(labels, minlength=n_clusters).astype(np.float64)
    members = sparse.csr_matrix(
        (np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(n_clusters, len(labels))
    )
    moved, turned = _adjoint(mass, quotient, gamma, centroids, 0.0, members @ gradient, tol)
    slopes = np.zeros(len(graph.edges))
    slopes[between] = -gamma * turned[pair]
    return Sensitivity(moved[labels], slopes, float(-(quotient.weights @ turned)))


def smoothed(
    solution: np.ndarray,
    graph: Graph,
    gamma: float,
    mu: float,
    gradient: np.ndarray,
    *,
    tol: float = 1e-12,
) -> Sensitivity:
    """Derivatives at the Huber-smoothed solution (n, d) of :func:`huber_solution`.

    Args:
        solution: the smoothed solution.
        graph: the graph that was solved with.
        gamma: the penalty that was solved with, > 0.
        mu: half width of Huber's function, > 0.
        gradient: dl/dX (n, d).
        tol: relative residual of the linear system of n d unknowns.

    Raises:
        UserError: a penalty or a width that is not positive.
    """
    _check_gamma(gamma)
    _check_width(mu)
    moved, turned = _adjoint(np.ones(graph.n), graph, gamma, solution, mu, gradient, tol)
    return Sensitivity(moved, -gamma * turned, float(-(graph.weights @ turned)))


def huber_solution(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    mu: float,
    *,
    start: np.ndarray | None = None,
    tol: float = 1e-10,
) -> np.ndarray:
    """Minimiser (n, d) of 1/2 |X - A|^2 + gamma sum_e w_e huber(x_i - x_j).

    Semismooth Newton steps with a line search; the objective is strongly convex.

    Args:
        points: A (n, d).
        graph: edges and weights.
        gamma: penalty, > 0.
        mu: half width of Huber's function, > 0.
        start: (n, d) to start from; by default A.
        tol: length of the gradient, relative to that of A.

    Raises:
        UserError: a penalty or a width that is not positive.
    """
    _check_gamma(gamma)
    _check_width(mu)
    incidence, couplings = graph.incidence(), gamma * graph.weights

    def value(candidate: np.ndarray) -> float:
        size = lengths(incidence @ candidate)
        huber = np.where(size <= mu, 0.5 * size**2 / mu, size - 0.5 * mu)
        return float(0.5 * np.square(candidate - points).sum() + couplings @ huber)

    found = np.array(points if start is None else start, dtype=np.float64)
    scale = max(1.0, float(np.linalg.norm(points)))
    mass = np.ones(graph.n)
    for _ in range(_NEWTON_STEPS):
        differences = incidence @ found
        pulls = couplings / np.maximum(lengths(differences), mu)
        slope = found - points + incidence.T @ (pulls[:, None] * differences)
        size = float(np.linalg.norm(slope))
        if size <= tol * scale:
            break
        # Loose far from the solution, as exact as the gradient near it: still superlinear.
        forcing = min(0.1, size / scale)
        step, _ = _adjoint(mass, graph, gamma, found, mu, -slope, forcing)
        here, fall = value(found), float(np.vdot(slope, step))
        length = 1.0
        # Rounding of the value itself must not forbid the last steps.
        allowed = 1e-14 * abs(here)
        while (
            length > 1e-8 and value(found + length * step) > here + 1e-4 * length * fall + allowed
        ):
            length *= 0.5
        found = found + length * step
    return found


def _adjoint(
    mass: np.ndarray,
    graph: Graph,
    gamma: float,
    solution: np.ndarray,
    mu: float,
    right: np.ndarray,
    tol: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Solve H y = ``right``; y, and (y_i - y_j) . grad huber(x_i - x_j) of each edge.

    H = diag(mass) + gamma sum_e w_e (e_i - e_j)(e_i - e_j)' x hess huber, which is I / mu within mu
    and (I - v v') / |x_i - x_j| outside it.
    """
    n, d = solution.shape
    incidence = graph.incidence()
    differences = incidence @ solution
    size = lengths(differences)
    stiff = gamma * graph.weights / np.maximum(size, max(mu, np.finfo(np.float64).tiny))
    along = differences / np.where(size > mu, size, 1.0)[:, None]
    outside = (size > mu)[:, None]
    unit = np.where(outside, along, 0.0)

    def product(vector: np.ndarray) -> np.ndarray:
        rows = vector.reshape(n, d)
        turned = incidence @ rows
        turned = turned - np.einsum("ij,ij->i", turned, unit)[:, None] * unit
        result: np.ndarray = mass[:, None] * rows + incidence.T @ (stiff[:, None] * turned)
        return result.ravel()

    # The diagonal of H: enough to even out clusters of different sizes and stiff edges.
    diagonal = mass[:, None] + abs(incidence).T @ (stiff[:, None] * (1.0 - unit**2))
    shape = (n * d, n * d)
    answer, _ = cg(
        LinearOperator(shape, product, dtype=np.float64),
        np.ascontiguousarray(right, dtype=np.float64).ravel(),
        rtol=tol,
        maxiter=_CG_STEPS,
        M=LinearOperator(shape, lambda vector: vector / diagonal.ravel(), dtype=np.float64),
    )
    moved = np.asarray(answer).reshape(n, d)
    pulled = np.where(outside, unit, differences / mu if mu > 0 else 0.0)
    return moved, np.einsum("ij,ij->i", incidence @ moved, pulled)


def _check_gamma(gamma: float) -> None:
    if not (np.isfinite(gamma) and gamma > 0):
        raise UserError(
            "the penalty of convex clustering must be a finite number > 0",
            where=f"gamma = {gamma}",
            remedy="take a gamma of the clusterpath",
        )


def _check_width(mu: float) -> None:
    if not (np.isfinite(mu) and mu > 0):
        raise UserError(
            "the half width of Huber's function must be a finite number > 0",
            where=f"mu = {mu}",
            remedy="take a small part of the distances between centroids, for example 0.05",
        )
