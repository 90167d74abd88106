"""The centroid problem of a known partition, solved by Newton to the last digits.

With n_a points of mean c_a in cluster a and W_ab the sum of the weights between a and b,

    min_U 1/2 sum_a n_a |u_a - c_a|^2 + gamma sum_(a<b) W_ab |u_a - u_b|_2

is smooth wherever joined centroids differ; its Hessian is in `hessian` (derived here).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse.linalg import LinearOperator, cg, splu

from advlearn.learners.convex.graph import Graph
from advlearn.learners.convex.solution import lengths

# Up to this many unknowns a dense factorisation is the fastest.
_DENSE = 400


@dataclass(frozen=True, eq=False)
class Reduced:
    """A partition's centroid problem.

    Attributes:
        sizes: points of each cluster, (K,) float64.
        means: mean of each cluster, (K, d).
        edges: pairs of clusters that an edge joins, (P, 2) int64, a < b, lexicographic.
        weights: W_ab, (P,).
        crossing: edges of the graph between clusters, (m,) bool.
        pair: row of ``edges`` for each crossing edge, in the order of the graph's edges.
        forward: whether the crossing edge goes from a to b (else from b to a).
    """

    sizes: np.ndarray
    means: np.ndarray
    edges: np.ndarray
    weights: np.ndarray
    crossing: np.ndarray
    pair: np.ndarray
    forward: np.ndarray


def cluster_means(values: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Mean of the rows (n, d) of each cluster 0..count-1, (count, d)."""
    n = len(labels)
    member = sparse.csr_matrix((np.ones(n), labels, np.arange(n + 1)), shape=(n, count))
    sums: np.ndarray = member.T @ values
    sums /= np.bincount(labels, minlength=count)[:, None]
    return sums


def reduce(points: np.ndarray, graph: Graph, labels: np.ndarray) -> Reduced:
    """The centroid problem of ``labels`` (n,), which are 0..K-1."""
    count = int(labels.max()) + 1
    first, second = labels[graph.edges[:, 0]], labels[graph.edges[:, 1]]
    crossing = first != second
    first, second = first[crossing], second[crossing]
    codes, pair = np.unique(
        np.minimum(first, second) * count + np.maximum(first, second), return_inverse=True
    )
    return Reduced(
        sizes=np.bincount(labels, minlength=count).astype(np.float64),
        means=cluster_means(points, labels, count),
        edges=np.stack([codes // count, codes % count], axis=1),
        weights=np.bincount(pair, graph.weights[crossing], minlength=len(codes)),
        crossing=crossing,
        pair=pair,
        forward=first < second,
    )


def directions(problem: Reduced, centroids: np.ndarray) -> np.ndarray:
    """Unit vectors (x_i - x_j) / |x_i - x_j| of the crossing edges, (crossing edges, d)."""
    differences = centroids[problem.edges[:, 0]] - centroids[problem.edges[:, 1]]
    units = differences / lengths(differences)[:, None]
    signs = np.where(problem.forward, 1.0, -1.0)
    found: np.ndarray = signs[:, None] * units[problem.pair]
    return found


def newton(
    problem: Reduced,
    gamma: float,
    start: np.ndarray | None = None,
    *,
    max_iter: int = 60,
    tol: float = 1e-13,
) -> np.ndarray | None:
    """Centroids (K, d), or None where joined centroids coincide at the optimum.

    Damped Newton with backtracking on the objective; ``tol`` bounds the gradient at each cluster,
    relative to the forces on it.
    """
    if not len(problem.edges):
        return problem.means
    centroids = np.array(problem.means if start is None else start)
    pulls = gamma * problem.weights
    left, right = problem.edges.T
    incidence = Graph(len(centroids), problem.edges, problem.weights).incidence()
    size = np.abs(problem.means - problem.means.mean(axis=0)).max()
    force = np.bincount(problem.edges.ravel(), np.repeat(pulls, 2), minlength=len(centroids))
    bound = tol * (force + problem.sizes * size)

    def value(at: np.ndarray) -> float:
        return float(
            0.5 * problem.sizes @ np.square(at - problem.means).sum(axis=1)
            + pulls @ lengths(at[left] - at[right])
        )

    before = value(centroids)
    for _ in range(max_iter):
        differences = centroids[left] - centroids[right]
        distance = lengths(differences)
        if distance.min() <= 1e-13 * size:
            return None
        units = differences / distance[:, None]
        gradient = problem.sizes[:, None] * (centroids - problem.means)
        gradient += incidence.T @ (pulls[:, None] * units)
        if (lengths(gradient) <= bound).all():
            return centroids
        step = _solve(problem, incidence, pulls / distance, units, gradient)
        slope = np.vdot(gradient, step)
        length = 1.0
        while True:
            tried = centroids - length * step
            after = value(tried)
            # Rounding of the objective must not stop the last, quadratic steps.
            if after <= before - 1e-4 * length * slope + 1e-14 * abs(before):
                break
            length /= 2
            if length < 1e-10:
                return None
        centroids, before = tried, after
    differences = centroids[left] - centroids[right]
    return None if lengths(gradient).max() > 1e3 * bound.max() else centroids


def hessian(problem: Reduced, stiffness: np.ndarray, units: np.ndarray) -> np.ndarray:
    """The dense (K d, K d) Hessian; ``stiffness`` (P,) is gamma W / distance.

    It is N x I + sum_ab stiffness_ab (e_a - e_b)(e_a - e_b)^T x (I - v v^T).
    """
    count, d = problem.means.shape
    blocks = stiffness[:, None, None] * (np.eye(d) - units[:, :, None] * units[:, None, :])
    full = np.zeros((count, count, d, d))
    a, b = problem.edges.T
    np.add.at(full, (a, a), blocks)
    np.add.at(full, (b, b), blocks)
    full[a, b] -= blocks
    full[b, a] -= blocks
    full[np.arange(count), np.arange(count)] += problem.sizes[:, None, None] * np.eye(d)
    return full.transpose(0, 2, 1, 3).reshape(count * d, count * d)


def _solve(
    problem: Reduced,
    incidence: sparse.csr_matrix,
    stiffness: np.ndarray,
    units: np.ndarray,
    right: np.ndarray,
) -> np.ndarray:
    count, d = right.shape
    if count * d <= _DENSE:
        try:
            factor = cho_factor(hessian(problem, stiffness, units))
            found: np.ndarray = cho_solve(factor, right.ravel()).reshape(count, d)
            return found
        except LinAlgError:
            step: np.ndarray = right / problem.sizes[:, None]
            return step
    transposed = incidence.T.tocsr()
    diagonal = sparse.diags(problem.sizes)
    laplacian = (transposed @ sparse.diags(stiffness) @ incidence + diagonal).tocsc()
    factor = splu(laplacian, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})

    def apply(vector: np.ndarray) -> np.ndarray:
        at = vector.reshape(count, d)
        along = incidence @ at
        along -= np.einsum("ij,ij->i", along, units)[:, None] * units
        out: np.ndarray = problem.sizes[:, None] * at + transposed @ (stiffness[:, None] * along)
        return out.ravel()

    shape = (count * d, count * d)
    solution, _ = cg(
        LinearOperator(shape, apply, dtype=np.float64),
        right.ravel(),
        rtol=1e-10,
        maxiter=500,
        M=LinearOperator(shape, lambda v: factor.solve(v.reshape(count, d)).ravel(), np.float64),
    )
    step = solution.reshape(count, d)
    return step
