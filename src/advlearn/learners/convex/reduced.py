"""The centroid problem of a known partition, solved by Newton to the last digits.

With n_a points of mean c_a in cluster a and W_ab the sum of the weights between a and b,

    min_U 1/2 sum_a n_a |u_a - c_a|^2 + gamma sum_(a<b) W_ab |u_a - u_b|_2

is smooth wherever joined centroids differ; its Hessian is in `hessian` (derived here).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg, splu

from advlearn.learners.convex.graph import Graph
from advlearn.learners.convex.solution import lengths

# Up to this many unknowns a dense factorisation is the fastest.
_DENSE = 200
# Up to this dimension a sparse factorisation of the whole Hessian stays sparse enough.
_DIRECT_DIMENSIONS = 3
# An inexact Newton step is enough far from the optimum, and near it one more corrects it.
_CG_TOLERANCE = 1e-4
_CG_ITERATIONS = 200
_BLUR = 1e-9
_COINCIDENT = 1e-13
# Newton's steps before it is given up, on each smoothed problem, and the last smoothing.
_STEPS = 12
_FOLLOWING = 10
_NARROW = 1e-10
_EPSILON = 4 * float(np.finfo(np.float64).eps)


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


def unit_directions(problem: Reduced, centroids: np.ndarray) -> np.ndarray:
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
    patient: bool = False,
    tol: float = 1e-13,
) -> tuple[np.ndarray, bool]:
    """Solve the centroid problem by damped Newton with backtracking on the objective.

    Where joined centroids coincide at the optimum the objective has a kink, and Newton stops short
    of it.

    Args:
        problem: the centroid problem.
        gamma: penalty, > 0.
        start: centroids (K, d) to start from, joined ones distinct; the means by default.
        patient: where that fails, follow the optimum of the problem with distances
            (r^2 + s^2)^(1/2) as s goes to 0: surer and dearer from a start far off.
        tol: bound on the gradient at each cluster, relative to the forces on it.

    Returns:
        Centroids (K, d), and whether they are the optimum with joined centroids distinct.
    """
    begin = problem.means if start is None else start
    if not len(problem.edges):
        return problem.means, True
    found, exact = _descend(problem, gamma, begin, 0.0, tol, _STEPS)
    if exact or not patient:
        return found, exact
    differences = begin[problem.edges[:, 0]] - begin[problem.edges[:, 1]]
    smooth = 0.1 * float(np.median(lengths(differences)))
    smallest = _NARROW * float(np.abs(problem.means - problem.means.mean(axis=0)).max())
    at = begin
    while smooth > smallest:
        at, _ = _descend(problem, gamma, at, smooth, 1e-4, _FOLLOWING)
        smooth /= 10
        found, exact = _descend(problem, gamma, at, 0.0, tol, _FOLLOWING, damped=False)
        if exact:
            break
    return found, exact


def _descend(
    problem: Reduced,
    gamma: float,
    start: np.ndarray,
    smooth: float,
    tol: float,
    steps: int,
    *,
    damped: bool = True,
) -> tuple[np.ndarray, bool]:
    centroids = np.array(start)
    pulls = gamma * problem.weights
    incidence = Graph(len(centroids), problem.edges, problem.weights).incidence()
    transposed = incidence.T.tocsr()
    size = np.abs(problem.means - problem.means.mean(axis=0)).max()
    ends = problem.edges.ravel()
    forces = np.bincount(ends, np.repeat(pulls, 2), minlength=len(centroids))
    forces += problem.sizes * size

    def distances(differences: np.ndarray) -> np.ndarray:
        found = lengths(differences)
        return np.hypot(found, smooth) if smooth else found

    def value(at: np.ndarray) -> float:
        squares = np.square(at - problem.means).sum(axis=1)
        return float(0.5 * problem.sizes @ squares + pulls @ distances(incidence @ at))

    before = value(centroids)
    for _ in range(steps):
        differences = incidence @ centroids
        distance = distances(differences)
        if distance.min() <= _COINCIDENT * size:
            break
        units = differences / distance[:, None]
        gradient = problem.sizes[:, None] * (centroids - problem.means)
        gradient += transposed @ (pulls[:, None] * units)
        # A unit vector is known to (rounding of its ends) / distance only.
        stiffness = pulls / distance
        blur = np.bincount(ends, np.repeat(stiffness, 2), minlength=len(centroids))
        bound = tol * forces + np.minimum(_EPSILON * size * blur, _BLUR * forces)
        if (lengths(gradient) <= bound).all():
            return centroids, True
        step = _solve(problem, incidence, stiffness, units, gradient)
        slope = np.vdot(gradient, step)
        length = 1.0
        while length > 1e-4:
            tried = centroids - length * step
            after = value(tried)
            # Rounding of the objective must not stop the last, quadratic steps.
            if after <= before - 1e-4 * length * slope + 1e-14 * abs(before):
                break
            length = length / 2 if damped else 0.0
        else:
            break
        centroids, before = tried, after
    return centroids, False


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
    """Newton's step: dense for few unknowns, sparse in low dimensions, else conjugate gradients."""
    count, d = right.shape
    if count * d <= _DENSE:
        found: np.ndarray = np.linalg.solve(hessian(problem, stiffness, units), right.ravel())
        return found.reshape(count, d)
    if d <= _DIRECT_DIMENSIONS:
        matrix = sparse_hessian(problem, stiffness, units)
        step: np.ndarray = factorised(matrix).solve(right.ravel()).reshape(count, d)
        return step
    transposed = incidence.T.tocsr()
    # (I - v v^T) keeps (d - 1) / d of a stiffness on average.
    laplacian = transposed @ sparse.diags(stiffness * (1 - 1 / d)) @ incidence
    factor = factorised((laplacian + sparse.diags(problem.sizes)).tocsc())

    def apply(vector: np.ndarray) -> np.ndarray:
        at = vector.reshape(count, d)
        along = incidence @ at
        along -= np.einsum("ij,ij->i", along, units)[:, None] * units
        along *= stiffness[:, None]
        out: np.ndarray = transposed @ along
        out += problem.sizes[:, None] * at
        return out.ravel()

    shape = (count * d, count * d)
    solution, _ = cg(
        LinearOperator(shape, apply, dtype=np.float64),
        right.ravel(),
        rtol=_CG_TOLERANCE,
        maxiter=_CG_ITERATIONS,
        M=LinearOperator(shape, lambda v: factor.solve(v.reshape(count, d)).ravel(), np.float64),
    )
    step = solution.reshape(count, d)
    return step


def sparse_hessian(problem: Reduced, stiffness: np.ndarray, units: np.ndarray) -> sparse.csc_matrix:
    """The Hessian as a sparse (K d, K d) matrix, cluster by cluster as in `hessian`."""
    count, d = problem.means.shape
    blocks = stiffness[:, None, None] * (np.eye(d) - units[:, :, None] * units[:, None, :])
    a, b = problem.edges.T
    ends = np.concatenate([a, b])
    diagonal = np.empty((count, d, d))
    for i in range(d):
        for j in range(d):
            diagonal[:, i, j] = np.bincount(ends, np.tile(blocks[:, i, j], 2), minlength=count)
    diagonal += problem.sizes[:, None, None] * np.eye(d)
    here = np.arange(count)
    first, second = np.concatenate([here, a, b]), np.concatenate([here, b, a])
    values = np.concatenate([diagonal, -blocks, -blocks])
    rows = np.broadcast_to((first[:, None] * d + np.arange(d))[:, :, None], values.shape)
    columns = np.broadcast_to((second[:, None] * d + np.arange(d))[:, None, :], values.shape)
    entries = (values.ravel(), (rows.ravel(), columns.ravel()))
    return sparse.csc_matrix(entries, shape=(count * d, count * d))


def factorised(matrix: sparse.csc_matrix) -> Any:
    """Sparse LU of a symmetric positive definite matrix, pivots on the diagonal."""
    return splu(
        matrix,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
