"""Augmented Lagrangian with semismooth Newton steps for problems of pieces (`centroid_problem`).

The method of Yuan, Sun & Toh 2018 (JMLR 22(9), 2021). An outer step gives each edge a stiffness s
and minimises, with the dual Z held,

    1/2 sum_a n_a |x_a - c_a|^2 + sum_e min_u ( rho_e |u| + s_e / 2 |(B X)_e + Z_e / s_e - u|^2 ),

which is smooth; the next Z is the projection of Z + s B X on |Z_e| <= rho_e = gamma W_e. Edges
where nothing is cut off are fused: springs of stiffness s in the Hessian. The others are free along
their direction (`hessian`), so a Newton step costs as much as one on the centroid problem. Outer
steps converge the faster the stiffer the edges are, so these become stiffer each time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advlearn.learners.convex.ama import project
from advlearn.learners.convex.centroid_problem import CentroidProblem, ascent_steps
from advlearn.learners.convex.graph import Graph
from advlearn.learners.convex.hessian import elimination, newton_step
from advlearn.learners.convex.solution import lengths

# First stiffness in units of the step of dual ascent, and its growth at each outer step.
FIRST_STIFFNESS = 10.0
_GROWTH = 3.0
_LARGEST_STIFFNESS = 1e9
# Duals are not unique inside clusters: fused edges can end on their bound. Edges that are apart
# exceed it by more and more as they become stiffer.
_NEAR_BOUND = 1.05
# An outer step is solved once its gradient is this small relative to what it moves.
_INNER_ACCURACY = 0.1
_INNER_STEPS = 15
_SHORTEST_STEP = 1e-3
# Rounding of the objective must not stop the last, quadratic steps.
_ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class AugmentedSolution:
    """The outcome of `augmented_newton`.

    Attributes:
        centroids: X, (K, d).
        dual: Z on the pairs of the problem, (P, d), feasible.
        fused: pairs (P,) bool that the last step held together.
        gap: relative duality gap of X and Z, of the problem of pieces.
        steps: Newton steps.
        relative_stiffness: stiffness reached, in units of the step of dual ascent.
    """

    centroids: np.ndarray
    dual: np.ndarray
    fused: np.ndarray
    gap: float
    steps: int
    relative_stiffness: float


def augmented_newton(
    problem: CentroidProblem,
    gamma: float,
    dual: np.ndarray,
    *,
    tol: float,
    relative_stiffness: float = FIRST_STIFFNESS,
    max_steps: int = 150,
) -> AugmentedSolution:
    """Solve the problem of pieces from a dual that need not be good.

    Args:
        problem: with at least one pair.
        gamma: penalty, > 0.
        dual: Z on the pairs, (P, d), feasible.
        tol: relative duality gap.
        relative_stiffness: stiffness to begin with, in units of the step of dual ascent.
        max_steps: most Newton steps.
    """
    mass = problem.sizes[:, None]
    radius = gamma * problem.weights
    incidence = Graph(len(mass), problem.edges, problem.weights).incidence()
    transposed = incidence.T.tocsr()
    unit = ascent_steps(problem.edges, problem.sizes)

    def at(centroids: np.ndarray, dual: np.ndarray, stiffness: np.ndarray) -> _State:
        differences = incidence @ centroids
        proposed = dual + stiffness[:, None] * differences
        length = lengths(proposed)
        cut = length > radius
        factor = np.where(cut, radius / np.maximum(length, radius), 1.0)
        away = centroids - problem.means
        squares = float(0.5 * (mass * np.square(away)).sum())
        energy = np.where(cut, radius * (length - 0.5 * radius), 0.5 * length**2) / stiffness
        following = factor[:, None] * proposed
        gradient = mass * away + transposed @ following
        slack = radius * lengths(differences) - np.einsum("ij,ij->i", following, differences)
        missing = 0.5 * (np.square(gradient) / mass).sum() + np.maximum(slack, 0).sum()
        total = squares + float(radius @ lengths(differences))
        return _State(
            centroids=centroids,
            dual=following,
            near=length <= _NEAR_BOUND * radius,
            units=proposed * (cut / np.maximum(length, radius))[:, None],
            stiffness=stiffness * factor,
            value=squares + float(energy.sum()),
            gradient=gradient,
            gap=float(missing / total) if total > 0 else 0.0,
        )

    dual = project(dual, radius)
    centroids = problem.means - (transposed @ dual) / mass
    rank, steps = elimination(problem), 0
    while True:
        state = at(centroids, dual, relative_stiffness * unit)
        for _ in range(_INNER_STEPS):
            moved = (np.square(state.dual - dual).sum(axis=1) / (relative_stiffness * unit)).sum()
            residual = (np.square(state.gradient) / mass).sum()
            if state.gap <= tol or residual <= _INNER_ACCURACY * moved or steps >= max_steps:
                break
            step = newton_step(
                problem, incidence, state.stiffness, state.units, state.gradient, rank
            )
            slope = float(np.vdot(state.gradient, step))
            length = 1.0
            while True:
                tried = at(state.centroids - length * step, dual, relative_stiffness * unit)
                decrease = 1e-4 * length * slope - _ROUNDING * abs(state.value)
                if tried.value <= state.value - decrease or length < _SHORTEST_STEP:
                    break
                length /= 2
            state = tried
            steps += 1
        centroids, dual = state.centroids, state.dual
        if state.gap <= tol or steps >= max_steps or relative_stiffness >= _LARGEST_STIFFNESS:
            return AugmentedSolution(
                centroids, dual, state.near, state.gap, steps, relative_stiffness
            )
        relative_stiffness *= _GROWTH


@dataclass(frozen=True, eq=False)
class _State:
    """An outer step's problem at a point: ``dual`` is the Z that would follow."""

    centroids: np.ndarray
    dual: np.ndarray
    near: np.ndarray
    units: np.ndarray
    stiffness: np.ndarray
    value: float
    gradient: np.ndarray
    gap: float
