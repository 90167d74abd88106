"""What a solver of convex clustering returns, and the quantities that say how good it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advlearn.learners.convex.graph import Graph


@dataclass(frozen=True, eq=False)
class Solution:
    """A solution of min_X 1/2 |X - A|_F^2 + gamma sum_e w_e |x_i - x_j|_2 with its dual.

    Attributes:
        points_hat: X, (n, d).
        dual: Z, (m, d), one row an edge, |Z_e| <= gamma w_e; at the optimum X = A - B^T Z.
        labels: (n,) int64, 0..K-1 by first point: connected components of the fused edges.
        centroids: (K, d), the common x_i of each cluster.
        objective: value of X.
        gap: (objective - dual value) / objective, >= 0; 0 where the objective is 0.
        iterations: steps of the solver.
        solver: "ama", "newton" or "clarabel".
        certified: a flow proves that the exact solution has this partition.
        gamma: the penalty.
    """

    points_hat: np.ndarray
    dual: np.ndarray
    labels: np.ndarray
    centroids: np.ndarray
    objective: float
    gap: float
    iterations: int
    solver: str
    certified: bool
    gamma: float


def objective(points: np.ndarray, graph: Graph, gamma: float, solution: np.ndarray) -> float:
    """Value of the sum-of-norms problem at ``solution`` X (n, d)."""
    return float(
        0.5 * np.square(solution - points).sum()
        + gamma * graph.weights @ lengths(graph.incidence() @ solution)
    )


def duality_gap(
    points: np.ndarray, graph: Graph, gamma: float, solution: np.ndarray, dual: np.ndarray
) -> float:
    """Objective of X minus dual value of Z, absolute, as a sum of terms none of which cancels.

    With R = A - B^T Z it is 1/2 |X - R|^2 + sum_e (gamma w_e |x_i - x_j| - <Z_e, x_i - x_j>).
    ``dual`` must satisfy |Z_e| <= gamma w_e.
    """
    incidence = graph.incidence()
    residual = solution - points + incidence.T @ dual
    differences = incidence @ solution
    slack = gamma * graph.weights * lengths(differences) - np.einsum("ij,ij->i", dual, differences)
    return float(0.5 * np.square(residual).sum() + np.maximum(slack, 0).sum())


def relative_gap(
    points: np.ndarray, graph: Graph, gamma: float, solution: np.ndarray, dual: np.ndarray
) -> float:
    """`duality_gap` divided by the objective of X; 0 where that is 0."""
    value = objective(points, graph, gamma, solution)
    return duality_gap(points, graph, gamma, solution, dual) / value if value > 0 else 0.0


def lengths(rows: np.ndarray) -> np.ndarray:
    """Euclidean length of each row, (m,)."""
    found: np.ndarray = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return found
