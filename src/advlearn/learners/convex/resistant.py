"""Resistant convex clustering: the Huber loss in place of squares, so that outliers pull less.

Sun, Zhang, Liu and Tan, *Resistant convex clustering: How does the fusion penalty enhance
resistance?*, arXiv 1906.09581:

    min_X  sum_ij h(a_ij - x_ij) + gamma sum_e w_e |x_i - x_j|_2,    h(t) = t^2/2 where |t| <= c,
                                                                     c |t| - c^2/2 elsewhere.

Huber's h is the least of 1/2 (t - s)^2 + c |s| over s. So the problem is one in X and S,

    min  1/2 |A - S - X|_F^2 + gamma sum_e w_e |x_i - x_j|_2 + c sum_ij |s_ij|,

in which X is plain convex clustering of A - S, with all that the plain solver proves, and S is the
part of A - X beyond c. S alone is left: proximal gradient steps of length 1 on the Moreau envelope
of the penalty, accelerated, with a restart where the momentum points uphill (O'Donoghue and Candès
2015).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from advlearn.learners.convex.graph import Graph, check_points
from advlearn.learners.convex.solution import Solution, lengths
from advlearn.learners.convex.solver import solve
from advlearn.support.errors import UserError

__all__ = ["ResistantSolution", "huber", "solve_resistant"]

# The clustering inside is solved more sharply than what is asked for outside.
_INNER = 1e-2
_SHARPEST = 1e-12


@dataclass(frozen=True, eq=False)
class ResistantSolution:
    """A solution of resistant convex clustering.

    Attributes:
        solution: of plain convex clustering of ``cleaned``; its X is the solution, its labels and
            their proof are for these points.
        outlying: S, (n, d), what of each entry lies beyond the threshold; 0 for most.
        cleaned: A - S, (n, d).
        objective: value of the Huber problem at X.
        gap: (objective - dual value) / objective, >= 0; 0 where the objective is 0.
        iterations: clusterings solved.
    """

    solution: Solution
    outlying: np.ndarray
    cleaned: np.ndarray
    objective: float
    gap: float
    iterations: int


def huber(values: np.ndarray, threshold: float) -> float:
    """Sum of Huber's loss over all entries."""
    size = np.abs(values)
    inside = np.minimum(size, threshold)
    return float((inside * (size - 0.5 * inside)).sum())


def solve_resistant(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    threshold: float,
    *,
    tol: float = 1e-8,
    start: ResistantSolution | None = None,
    max_iter: int = 500,
) -> ResistantSolution:
    """Minimise Huber's loss plus the sum of norms.

    Args:
        points: A, (n, d) finite.
        graph: on n points.
        gamma: penalty, finite and > 0.
        threshold: c, the residual from which on the loss is linear, > 0 in units of the points;
            infinity gives plain convex clustering.
        tol: relative duality gap that is reached, unless ``max_iter`` comes first, in (0, 1).
        start: solution of a neighbouring problem on the same edges, for a warm start.
        max_iter: most clusterings that are solved, >= 1.

    Raises:
        UserError: as :func:`advlearn.learners.convex.solve`, or a threshold that is not above 0.
    """
    points = check_points(points)
    if not threshold > 0 or max_iter < 1:
        raise UserError(
            "resistant convex clustering needs a threshold above 0 and a step",
            where=f"threshold {threshold}, max_iter {max_iter}",
            remedy="take a residual that few entries exceed, for example their 90 % quantile",
        )
    outlying = np.zeros_like(points) if start is None else start.outlying
    inner = max(_INNER * tol, _SHARPEST)
    ahead, momentum, iteration = outlying, 1.0, 0
    near = start.solution if start else None
    while True:
        iteration += 1
        near = solve(points - ahead, graph, gamma, tol=inner, start=near)
        value, gap = _values(points, graph, gamma, threshold, near)
        if gap <= tol or math.isinf(threshold) or iteration >= max_iter:
            return ResistantSolution(near, ahead, points - ahead, value, gap, iteration)
        step = _beyond(points - near.points_hat, threshold)
        if np.vdot(ahead - step, step - outlying) > 0:
            momentum = 1.0
        following = 0.5 * (1 + math.sqrt(1 + 4 * momentum**2))
        outlying, ahead = step, step + (momentum - 1) / following * (step - outlying)
        momentum = following


def _beyond(residual: np.ndarray, threshold: float) -> np.ndarray:
    """The part of each entry beyond the threshold, towards 0: the soft threshold."""
    return np.asarray(np.sign(residual) * np.maximum(np.abs(residual) - threshold, 0))


def _values(
    points: np.ndarray, graph: Graph, gamma: float, threshold: float, solution: Solution
) -> tuple[float, float]:
    """Objective at X, and its relative distance from the dual value.

    For V = B^T Z with |Z_e| <= gamma w_e and |v_ij| <= c the dual value is <A, V> - |V|^2 / 2. V is
    shortened where an entry exceeds c.
    """
    incidence = graph.incidence()
    guess = solution.points_hat
    value = huber(points - guess, threshold)
    value += gamma * float(graph.weights @ lengths(incidence @ guess))
    pull = incidence.T @ solution.dual
    largest = float(np.abs(pull).max(initial=0.0))
    if largest > threshold:
        pull = pull * (threshold / largest)
    dual = float(np.vdot(points, pull)) - 0.5 * float(np.vdot(pull, pull))
    return value, max(value - dual, 0.0) / value if value > 0 else 0.0
