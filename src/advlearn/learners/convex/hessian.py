"""Hessians of the centroid problem and of its smoothed forms, and Newton's step (derived here).

Each pair of joined clusters pulls like a spring that is free along one direction v (or along none):

    N x I + sum_ab s_ab (e_a - e_b)(e_a - e_b)^T x (I - v_ab v_ab^T)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, cg, splu

from advlearn.learners.convex.centroid_problem import CentroidProblem

# Up to this many unknowns a dense factorisation is the fastest.
_DENSE = 200
# Up to this dimension a sparse factorisation of the whole Hessian stays sparse enough.
_DIRECT_DIMENSIONS = 3
# An inexact Newton step is enough far from the optimum, and near it one more corrects it.
_CG_TOLERANCE = 1e-4
_CG_ITERATIONS = 200
# SuperLU's panels: these matrices have no wide ones.
_PANEL = 4


def hessian(problem: CentroidProblem, stiffness: np.ndarray, units: np.ndarray) -> np.ndarray:
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


def sparse_hessian(
    problem: CentroidProblem,
    stiffness: np.ndarray,
    units: np.ndarray,
    rank: np.ndarray | None = None,
) -> sparse.csc_matrix:
    """The Hessian as a sparse (K d, K d) matrix, cluster by cluster as in `hessian`.

    With ``rank`` (K,) cluster a is in place ``rank[a]``.
    """
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
    if rank is not None:
        first, second = rank[first], rank[second]
    values = np.concatenate([diagonal, -blocks, -blocks])
    rows = np.broadcast_to((first[:, None] * d + np.arange(d))[:, :, None], values.shape)
    columns = np.broadcast_to((second[:, None] * d + np.arange(d))[:, None, :], values.shape)
    entries = (values.ravel(), (rows.ravel(), columns.ravel()))
    return sparse.csc_matrix(entries, shape=(count * d, count * d))


def factorised(matrix: sparse.csc_matrix, *, ordered: bool = False) -> Any:
    """Sparse LU of a symmetric positive definite matrix, pivots on the diagonal.

    Args:
        matrix: to factorise.
        ordered: its rows are already in a good order, as that of `elimination`.
    """
    return splu(
        matrix,
        permc_spec="NATURAL" if ordered else "MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        panel_size=_PANEL if ordered else None,
        options={"SymmetricMode": True},
    )


def elimination(problem: CentroidProblem) -> np.ndarray | None:
    """Place of each cluster (K,) in an order of elimination with little fill, for `newton_step`.

    Found once on the clusters, it holds for all steps. None where no matrix is factorised.
    """
    count, d = problem.means.shape
    if count * d <= _DENSE or d > _DIRECT_DIMENSIONS:
        return None
    a, b = problem.edges.T
    degree = np.bincount(problem.edges.ravel(), minlength=count)
    pattern = sparse.csc_matrix((-np.ones(len(a)), (a, b)), shape=(count, count))
    laplacian = pattern + pattern.T + sparse.diags(degree + 1.0)
    found: np.ndarray = factorised(laplacian.tocsc()).perm_c
    return found


def newton_step(
    problem: CentroidProblem,
    incidence: sparse.csr_matrix,
    stiffness: np.ndarray,
    units: np.ndarray,
    right: np.ndarray,
    rank: np.ndarray | None,
) -> np.ndarray:
    """Newton's step: dense for few unknowns, sparse in low dimensions, else conjugate gradients.

    ``rank`` is that of `elimination`.
    """
    count, d = right.shape
    if count * d <= _DENSE:
        found: np.ndarray = np.linalg.solve(hessian(problem, stiffness, units), right.ravel())
        return found.reshape(count, d)
    if rank is not None:
        factor = factorised(sparse_hessian(problem, stiffness, units, rank), ordered=True)
        step: np.ndarray = factor.solve(right[np.argsort(rank)].ravel()).reshape(count, d)[rank]
        return step
    transposed = incidence.T.tocsr()
    # (I - v v^T) keeps (d - 1) / d of a stiffness on average.
    kept = stiffness * (1 - np.square(units).sum(axis=1) / d)
    laplacian = transposed @ sparse.diags(kept) @ incidence
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
