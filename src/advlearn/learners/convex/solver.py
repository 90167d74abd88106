"""Solving convex clustering: dual ascent finds the partition, Newton and a flow prove it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advlearn.learners.convex.ama import DualAscent
from advlearn.learners.convex.flow import FlowCertificate, examine
from advlearn.learners.convex.graph import Graph, check_points, connected
from advlearn.learners.convex.reduced import cluster_means
from advlearn.learners.convex.solution import Solution, duality_gap, lengths, objective
from advlearn.support.errors import UserError, unknown_name

SOLVERS = ("auto", "ama", "clarabel")
MAX_ITER = 20_000
import os

USE = bool(os.environ.get("USE"))
TRACE: list = []
_CHECK_EVERY = 20
_FLOW_STEPS = 200
# Below this relative gap rounding has the word: a partition without proof is taken as it is.
_SMALLEST_GAP = 1e-14


def solve(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    *,
    solver: str = "auto",
    tol: float = 1e-8,
    start: Solution | None = None,
    max_iter: int = MAX_ITER,
) -> Solution:
    """Minimise 1/2 |X - A|_F^2 + gamma sum_e w_e |x_i - x_j|_2 (Lindsten et al. 2011).

    Points are in one cluster where edges with equal ends join them: components of the graph are
    never merged. The partition is proved by a flow where it can be (``certified``); X, Z and the
    centroids are then exact to rounding, whatever ``tol`` was.

    Args:
        points: A, (n, d) finite.
        graph: on n points.
        gamma: penalty, finite and > 0.
        solver: "ama", "clarabel" or "auto".
        tol: relative duality gap, in (0, 1), at which an unproved partition may be taken.
        start: solution of a neighbouring problem on the same edges, for a warm start.
        max_iter: most steps of the first-order method.

    Raises:
        UserError: bad points, gamma or tol, a graph of another size, an unknown solver.
    """
    points = check_points(points)
    _check(points, graph, gamma, solver, tol)
    offset = cluster_means(points, graph.components(), int(graph.components().max()) + 1)
    centred = points - offset[graph.components()]
    state = DualAscent(centred, graph.incidence(), gamma * graph.weights, _dual(start, graph))
    found = _ama(centred, graph, gamma, state, max_iter, "ama")
    return _shifted(found, offset[graph.components()])


def path(
    points: np.ndarray,
    graph: Graph,
    gammas: Sequence[float] | np.ndarray,
    *,
    solver: str = "auto",
    tol: float = 1e-8,
    max_iter: int = MAX_ITER,
) -> list[Solution]:
    """Solutions at each of ``gammas``, in their order, each started from the one before it."""
    found: list[Solution] = []
    for gamma in gammas:
        start = found[-1] if found else None
        found.append(
            solve(
                points, graph, float(gamma), solver=solver, tol=tol, start=start, max_iter=max_iter
            )
        )
    return found


def _check(points: np.ndarray, graph: Graph, gamma: float, solver: str, tol: float) -> None:
    if graph.n != len(points):
        raise UserError(
            "the graph belongs to other points",
            where=f"a graph on {graph.n} points, {len(points)} points",
            remedy="make the graph from these points",
        )
    if not (np.isfinite(gamma) and gamma > 0):
        raise UserError(
            "convex clustering needs a finite penalty gamma > 0",
            where=f"gamma = {gamma}",
            remedy="take gamma > 0; at 0 each point would be its own centroid",
        )
    if not 0 < tol < 1:
        raise UserError(
            "the relative duality gap is in (0, 1)",
            where=f"tol = {tol}",
            remedy="take tol = 1e-8",
        )
    if solver not in SOLVERS:
        raise unknown_name("solver", solver, list(SOLVERS), where="argument solver")


def _dual(start: Solution | None, graph: Graph) -> np.ndarray | None:
    if start is None:
        return None
    if len(start.dual) != graph.m:
        raise UserError(
            "a warm start needs a solution on the same edges",
            where=f"{len(start.dual)} edges of the start, {graph.m} of the graph",
            remedy="leave start out, or keep the graph's topology (reweighted)",
        )
    return start.dual


def _ama(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    state: DualAscent,
    max_iter: int,
    solver: str,
) -> Solution:
    attempt, wait = state.iterations + 2 * _CHECK_EVERY, 2 * _CHECK_EVERY
    while True:
        solution = state.primal()
        differences = state.incidence @ solution
        slack = state.radius * lengths(differences)
        penalty = slack.sum()
        slack -= np.einsum("ij,ij->i", state.dual, differences)
        value = float(0.5 * np.square(solution - points).sum() + penalty)
        gap = max(float(slack.sum()), 0.0) / value if value > 0 else 0.0
        done = state.iterations >= max_iter or gap <= _SMALLEST_GAP
        if state.iterations >= attempt or done:
            labels = connected(graph.n, graph.edges[state.fused(differences)])
            centroids = cluster_means(solution, labels, int(labels.max()) + 1)
            proof = examine(points, graph, gamma, labels, None, centroids, state.dual, _FLOW_STEPS)
            if proof.valid:
                return _proved(points, graph, gamma, labels, proof, state.iterations, solver)
            if done:
                return Solution(
                    solution,
                    state.dual,
                    labels,
                    centroids,
                    value,
                    gap,
                    state.iterations,
                    solver,
                    False,
                    gamma,
                )
            better = False
            if proof.dual is not None and USE:
                guess = points - state.transposed @ proof.dual
                better = bool(np.vdot(guess, guess) < np.vdot(solution, solution))
                if better:
                    state.restart(proof.dual)
            TRACE.append(
                (state.iterations, int(labels.max()) + 1, proof.reason, proof.margin, better, gap)
            )
            wait = 2 * wait
            attempt = state.iterations + wait
        state.advance(min(_CHECK_EVERY, max_iter - state.iterations))


def _proved(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    labels: np.ndarray,
    proof: FlowCertificate,
    iterations: int,
    solver: str,
) -> Solution:
    assert proof.centroids is not None
    assert proof.dual is not None
    solution = proof.centroids[labels]
    value = objective(points, graph, gamma, solution)
    gap = duality_gap(points, graph, gamma, solution, proof.dual) / value if value > 0 else 0.0
    return Solution(
        solution, proof.dual, labels, proof.centroids, value, gap, iterations, solver, True, gamma
    )


def _shifted(found: Solution, offset: np.ndarray) -> Solution:
    _, first = np.unique(found.labels, return_index=True)
    return Solution(
        found.points_hat + offset,
        found.dual,
        found.labels,
        found.centroids + offset[first],
        found.objective,
        found.gap,
        found.iterations,
        found.solver,
        found.certified,
        found.gamma,
    )
