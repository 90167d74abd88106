"""The centroid problem of a partition (`centroid_problem`), solved by Newton to the last digits.

It is smooth where joined centroids differ; its Hessian is in `hessian`.
"""

from __future__ import annotations

import numpy as np

from advlearn.learners.convex.centroid_problem import CentroidProblem
from advlearn.learners.convex.graph import Graph
from advlearn.learners.convex.hessian import elimination, newton_step
from advlearn.learners.convex.solution import lengths

_RELATIVE_SMOOTHING = 1e-9
_COINCIDENT = 1e-13
# Newton's steps before it is given up, on each smoothed problem, and the last smoothing.
_STEPS = 12
_HOMOTOPY_STEPS = 10
_LAST_SMOOTHING = 1e-10
_EPSILON = 4 * float(np.finfo(np.float64).eps)


def newton(
    problem: CentroidProblem,
    gamma: float,
    start: np.ndarray | None = None,
    *,
    homotopy: bool = False,
    tol: float = 1e-13,
) -> tuple[np.ndarray, bool]:
    """Solve the centroid problem by damped Newton with backtracking on the objective.

    Where joined centroids coincide at the optimum the objective has a kink, and Newton stops short
    of it.

    Args:
        problem: the centroid problem.
        gamma: penalty, > 0.
        start: centroids (K, d) to start from, joined ones distinct; the means by default.
        homotopy: where that fails, follow the optimum of the problem with distances
            (r^2 + s^2)^(1/2) as s goes to 0: surer and dearer from a start far off.
        tol: bound on the gradient at each cluster, relative to the forces on it.

    Returns:
        Centroids (K, d), and whether they are the optimum with joined centroids distinct.
    """
    begin = problem.means if start is None else start
    if not len(problem.edges):
        return problem.means, True
    rank = elimination(problem)
    found, exact = _descend(problem, gamma, begin, rank, 0.0, tol, _STEPS)
    if exact or not homotopy:
        return found, exact
    differences = begin[problem.edges[:, 0]] - begin[problem.edges[:, 1]]
    smooth = 0.1 * float(np.median(lengths(differences)))
    smallest = _LAST_SMOOTHING * float(np.abs(problem.means - problem.means.mean(axis=0)).max())
    at = begin
    while smooth > smallest:
        at, _ = _descend(problem, gamma, at, rank, smooth, 1e-4, _HOMOTOPY_STEPS)
        smooth /= 10
        found, exact = _descend(problem, gamma, at, rank, 0.0, tol, _HOMOTOPY_STEPS, damped=False)
        if exact:
            break
    return found, exact


def _descend(
    problem: CentroidProblem,
    gamma: float,
    start: np.ndarray,
    rank: np.ndarray | None,
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
        bound = tol * forces + np.minimum(_EPSILON * size * blur, _RELATIVE_SMOOTHING * forces)
        if (lengths(gradient) <= bound).all():
            return centroids, True
        step = newton_step(problem, incidence, stiffness, units, gradient, rank)
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
