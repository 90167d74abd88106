"""Solving convex clustering: dual ascent finds pieces, Newton the partition, a flow proves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from advlearn.learners.convex.ama import DualAscent
from advlearn.learners.convex.centroid_problem import cluster_means
from advlearn.learners.convex.flow import FlowCertificate, certify_centred
from advlearn.learners.convex.graph import Graph, check_points, connected
from advlearn.learners.convex.sieve import FEW_EDGES, Sieved, sieve
from advlearn.learners.convex.solution import Solution, lengths, objective, relative_gap
from advlearn.support.errors import UserError, unknown_name

SOLVERS = ("auto", "ama", "newton", "clarabel")
MAX_ITER = 20_000

# Dual steps between two looks at the gap, and the first look at the partition.
_CHECK_EVERY = 20
_FIRST_LOOK = 40
_FLOW_STEPS = 200
# Edges under this load, twice, make a piece: in the plane a third more pieces than clusters, and
# hardly one that joins what is apart.
_SURE = 0.7
# With "auto" interior points come in where their matrix is sparse: in the plane and in space, with
# so many edges a point. Above three dimensions pieces are solved by themselves up to so many: the
# matrix that preconditions a step is nearly full there.
_LOW_DIMENSIONS = 3
_SPARSE = 20
_MANY_PIECES = 1000
# Larger problems (clusters times d) are taken at their gap where their proof is not soon found.
_PROVABLE = 20_000
# Below this relative gap rounding has the word.
_SMALLEST_GAP = 1e-14
# An unproved partition is taken at this part of the asked gap, so that it does not hang on it.
_UNPROVED = 1e-4


def solve(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    *,
    solver: str = "auto",
    tol: float = 1e-8,
    start: Solution | None = None,
    max_iter: int = MAX_ITER,
    prove: bool = True,
) -> Solution:
    """Minimise 1/2 |X - A|_F^2 + gamma sum_e w_e |x_i - x_j|_2 (Lindsten et al. 2011).

    Points are in one cluster where edges with equal ends join them: components of the graph are
    never merged. The partition is proved by a flow where it can be (``certified``); X, Z and the
    centroids are then exact to rounding, whatever ``tol`` was.

    Args:
        points: A, (n, d) finite.
        graph: on n points.
        gamma: penalty, finite and > 0.
        solver: "ama": accelerated dual ascent, which asks for the proof now and then. "newton":
            dual ascent only finds points that are probably fused, and the problem of
            these pieces is solved by semismooth Newton on the augmented Lagrangian (`sieve`).
            "clarabel": the same, but interior points come first. "auto": "clarabel" in at most 3
            dimensions with at most 20 edges a point, elsewhere "newton" for up to 1,000 pieces
            and "ama" for more. Measured on the benchmark's data, Newton alone takes 1 to 3 times
            as long at 1,000 points in the plane, and 1.3 to 1.6 times at 10,000; on all pairs of
            300 points interior points take three times as long (docs/performance.md).
        tol: relative duality gap, in (0, 1), that is reached at least, unless ``max_iter`` comes
            first. A solution of up to 20,000 unknowns (clusters times d) without proof has 1e-4
            of it, so that its labels do not hang on it; a larger one is taken at ``tol``.
        start: solution of a neighbouring problem on the same edges, for a warm start.
        max_iter: most steps of dual ascent.
        prove: if False, any solution is taken at ``tol``: sooner, but where clusters nearly touch
            its labels may differ from the exact ones.

    Returns:
        The solution; its ``solver`` is the method that closed the gap.

    Raises:
        UserError: bad points, gamma or tol, a graph of another size, an unknown solver.
    """
    points = check_points(points)
    _check(points, graph, gamma, solver, tol)
    offset = cluster_means(points, graph.components(), int(graph.components().max()) + 1)
    centred = points - offset[graph.components()]
    state = DualAscent(centred, graph.incidence(), gamma * graph.weights, _dual(start, graph))
    low, largest = points.shape[1] <= _LOW_DIMENSIONS, 0
    if solver in ("newton", "clarabel") or low:
        largest = points.size
    elif solver == "auto":
        largest = _MANY_PIECES * points.shape[1]
    if solver == "ama" or not graph.m:
        largest = 0
    provable = _PROVABLE if prove else 0
    cheap = solver == "auto" and low and graph.m <= _SPARSE * graph.n
    method = "clarabel" if cheap or solver == "clarabel" else "newton"
    found = _search(centred, graph, gamma, state, method, largest, tol, max_iter, provable)
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


def _search(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    state: DualAscent,
    method: str,
    largest: int,
    tol: float,
    max_iter: int,
    provable: int,
) -> Solution:
    """Ascend; after ever more steps look for the partition and its proof."""
    stop = max(_UNPROVED * tol, _SMALLEST_GAP) if provable else tol
    early = method == "clarabel" and graph.m <= FEW_EDGES
    # Interior points on all points need no ascent; a warm start may need no interior points.
    first = 0 if early and not state.dual.any() else _FIRST_LOOK
    look, wait, steps = first, 2 * _FIRST_LOOK, 0
    load = np.full(graph.m, np.inf)
    while True:
        solution = state.primal()
        differences = state.incidence @ solution
        slack = state.radius * lengths(differences)
        penalty = float(slack.sum())
        slack -= np.einsum("ij,ij->i", state.dual, differences)
        value = float(0.5 * np.square(solution - points).sum()) + penalty
        gap = max(float(slack.sum()), 0.0) / value if value > 0 else 0.0
        done = state.iterations >= max_iter or gap <= stop
        before, load = load, state.load(differences)
        if state.iterations >= look or done:
            labels = connected(graph.n, graph.edges[load < 1])
            centroids = cluster_means(solution, labels, int(labels.max()) + 1)
            # Where pieces are solved, the centroids are left alone until the partition is steady.
            if done or largest < points.size or _steady(graph, before, labels):
                proof = certify_centred(
                    points, graph, gamma, labels, None, centroids, state.dual, _FLOW_STEPS
                )
                if proof.valid:
                    count = state.iterations + steps
                    return _proved(points, graph, gamma, labels, proof, count, "ama")
            if largest and (early or state.iterations > _FIRST_LOOK or done):
                pieces = connected(graph.n, graph.edges[np.maximum(load, before) < _SURE])
                sieved = sieve(
                    points,
                    graph,
                    gamma,
                    pieces,
                    state.dual,
                    method=method,
                    largest=largest,
                    flow_steps=_FLOW_STEPS,
                    tol=tol,
                    provable=provable,
                )
                steps += sieved.steps
                count = state.iterations + steps
                if sieved.proof is not None and sieved.proof.valid:
                    return _proved(points, graph, gamma, sieved.labels, sieved.proof, count, method)
                unknowns = (int(sieved.labels.max()) + 1) * points.shape[1]
                if sieved.gap <= (tol if unknowns > provable else stop):
                    return _unproved(points, graph, gamma, sieved, count, method)
                guess = points - state.transposed @ sieved.dual
                if np.vdot(guess, guess) < np.vdot(solution, solution):
                    state.restart(sieved.dual)
            if done:
                return Solution(
                    points_hat=solution,
                    dual=state.dual,
                    labels=labels,
                    centroids=centroids,
                    objective=value,
                    gap=gap,
                    iterations=state.iterations + steps,
                    solver="ama",
                    certified=False,
                    gamma=gamma,
                )
            wait *= 2
            look = state.iterations + wait
        state.advance(min(_CHECK_EVERY, max_iter - state.iterations))


def _steady(graph: Graph, before: np.ndarray, labels: np.ndarray) -> bool:
    return np.array_equal(connected(graph.n, graph.edges[before < 1]), labels)


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
    gap = relative_gap(points, graph, gamma, solution, proof.dual)
    return Solution(
        solution, proof.dual, labels, proof.centroids, value, gap, iterations, solver, True, gamma
    )


def _unproved(
    points: np.ndarray, graph: Graph, gamma: float, sieved: Sieved, iterations: int, method: str
) -> Solution:
    return Solution(
        points_hat=sieved.solution,
        dual=sieved.dual,
        labels=sieved.labels,
        centroids=cluster_means(sieved.solution, sieved.labels, int(sieved.labels.max()) + 1),
        objective=objective(points, graph, gamma, sieved.solution),
        gap=sieved.gap,
        iterations=iterations,
        solver=method,
        certified=False,
        gamma=gamma,
    )


def _shifted(found: Solution, offset: np.ndarray) -> Solution:
    _, first = np.unique(found.labels, return_index=True)
    return replace(
        found, points_hat=found.points_hat + offset, centroids=found.centroids + offset[first]
    )
