"""Solve a smaller problem: points that are probably fused enter as one, with their mass.

Derived here; the idea of a reduced problem that is enlarged until it is proved right is adaptive
sieving (Yuan, Lin, Sun & Toh 2022). A partition into pieces that is finer than the true one loses
nothing: the problem of the pieces, with masses and added weights, has the same optimum. So the
pieces of a few dual steps are solved by a method of second order, and a flow in each cluster
(`flow`) says whether its pieces were right. Pieces without a flow fall apart, and it starts over.

In the plane interior points come first (`conic`): they need no good start. Newton (`augmented`)
then continues from their dual, of which interior points could make nothing, to the last borders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advlearn.learners.convex.ama import clip, project
from advlearn.learners.convex.augmented import FIRST_STIFFNESS, augmented_newton
from advlearn.learners.convex.centroid_problem import (
    CentroidProblem,
    ascent_steps,
    centroid_problem,
    cluster_means,
)
from advlearn.learners.convex.conic import interior_point
from advlearn.learners.convex.flow import ClusterFlows, FlowCertificate, certify_centred
from advlearn.learners.convex.graph import Graph, by_first_point, connected
from advlearn.learners.convex.solution import lengths, relative_gap

# Relative gap at which wrong pieces show, in the first round with right ones, in that of Newton
# after interior points, and in the last: later rounds tell narrower borders apart.
_ROUGH, _FIRST, _CROSSED, _LAST = 1e-5, 1e-9, 1e-11, 1e-13
_ROUNDS = 8
# Interior points take all points where the graph has so few edges, or the pieces are more than this
# part of the points: wrong pieces cost more than all of them save.
FEW_EDGES = 12_000
_WORTHWHILE = 0.85
# Stiffness with which Newton continues from the dual of interior points. On few edges that dual is
# better, and what it holds together with this part of the bound is one piece.
_CROSSOVER, _FEW_CROSSOVER = 1e3, 1e4
_HELD = 0.99
# Wrong pieces that add no more than this part of the points are left to Newton.
_LOCAL = 0.002


@dataclass(frozen=True, eq=False)
class Sieved:
    """The best of the rounds of `sieve`.

    Attributes:
        proof: certificate of ``labels``, None where no problem was small enough.
        labels: (n,) int64 by first point.
        solution: X, (n, d).
        dual: Z, (m, d), feasible.
        gap: relative duality gap of both, inf where there is no proof.
        steps: of the inner method, so far.
    """

    proof: FlowCertificate | None
    labels: np.ndarray
    solution: np.ndarray
    dual: np.ndarray
    gap: float
    steps: int

    def __lt__(self, other: Sieved) -> bool:
        return self.gap < other.gap


def sieve(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    pieces: np.ndarray,
    dual: np.ndarray,
    *,
    method: str,
    largest: int,
    flow_steps: int,
    tol: float,
    provable: int,
) -> Sieved:
    """Solve on pieces until a flow proves the partition, or it does not get further.

    Args:
        points: A, (n, d), each component of the graph centred.
        graph: on n points.
        gamma: penalty, > 0.
        pieces: (n,) int64 by first point, each connected in the graph.
        dual: Z, (m, d) feasible, where the search starts.
        method: "newton", or "clarabel": interior points first.
        largest: most unknowns (pieces times d) of a problem of pieces.
        flow_steps: most steps of the search for flows in a round.
        tol: relative gap at which a larger problem than ``provable`` need not be proved.
        provable: unknowns (clusters times d) up to which the proof is sought.
    """
    few = graph.m <= FEW_EDGES
    phase, accuracy, again = "newton", _ROUGH, FIRST_STIFFNESS
    if method == "clarabel":
        # Many wrong pieces show before any step is done.
        phase, accuracy = "look", _FIRST
        many = int(pieces.max()) + 1 > _WORTHWHILE * graph.n
        if (few or many) and points.size <= largest:
            phase, pieces = "interior", np.arange(graph.n)
    relative_stiffness, steps, split = again, 0, False
    central: np.ndarray | None = None
    best = Sieved(None, pieces, points, dual, np.inf, 0)
    for _ in range(_ROUNDS):
        if (int(pieces.max()) + 1) * points.shape[1] > largest:
            break
        problem = centroid_problem(points, graph, pieces)
        inner = _solve_pieces(problem, gamma, dual, phase, accuracy, relative_stiffness)
        solved = _lift(points, graph, gamma, pieces, problem, inner, dual, flow_steps)
        dual, relative_stiffness = solved.dual, inner.relative_stiffness
        steps += inner.steps
        labels, solution = solved.labels, solved.solution
        gap = relative_gap(points, graph, gamma, solution, dual)
        best = min(best, Sieved(None, labels, solution, dual, gap, steps))
        wrong = bool(solved.overloaded.any())
        if wrong:
            count = int(pieces.max()) + 1
            pieces = _split_overloaded(graph, solved.finer, solved.overloaded)
            local = int(pieces.max()) + 1 - count <= _LOCAL * graph.n
        if phase == "interior" and (not wrong or local):
            phase, accuracy, again = "newton", _CROSSED, _FEW_CROSSOVER if few else _CROSSOVER
            relative_stiffness, central = again, dual
            if few and not wrong:
                # The prox step of Newton's first problem, with a margin.
                stiff = relative_stiffness * ascent_steps(graph.edges, np.ones(graph.n))
                pull = lengths(dual + stiff[:, None] * (graph.incidence() @ solution))
                pieces = connected(graph.n, graph.edges[pull < _HELD * gamma * graph.weights])
            continue
        if wrong or phase == "look":
            phase, relative_stiffness = "interior" if phase == "look" else phase, again
            # Flows of wrong pieces are a bad start: that of interior points is better.
            dual = dual if central is None else central
            continue
        if accuracy > _FIRST:
            accuracy = _FIRST
            continue
        homotopy, split = split, False
        labels = pieces if homotopy else labels
        centroids = cluster_means(solution, labels, int(labels.max()) + 1)
        enough = gap <= tol and centroids.size > provable
        found = certify_centred(
            points, graph, gamma, labels, None, centroids, dual, flow_steps, homotopy=homotopy
        )
        if found.split is not None and not enough:
            # The last borders can be narrower than the gap shows: the witness shows them.
            pieces, relative_stiffness, split = found.split.labels, _CROSSOVER, True
            continue
        if found.valid and found.centroids is not None and found.dual is not None:
            solution = found.centroids[labels]
            gap = relative_gap(points, graph, gamma, solution, found.dual)
            return Sieved(found, labels, solution, found.dual, gap, steps)
        if enough or accuracy <= _LAST:
            break
        accuracy = max(accuracy / 100, _LAST)
    return best


def _split_overloaded(graph: Graph, pieces: np.ndarray, overloaded: np.ndarray) -> np.ndarray:
    """Pieces that still have an overloaded edge fall apart into points."""
    left, right = pieces[graph.edges[overloaded]].T
    overloaded = np.flatnonzero(overloaded)[left == right]
    loose = np.isin(pieces, pieces[graph.edges[overloaded].ravel()])
    return by_first_point(np.where(loose, graph.n + np.arange(graph.n), pieces))


@dataclass(frozen=True, eq=False)
class _PieceSolution:
    """A solution of the problem of pieces: X (K, d), Z (P, d), fused pairs (P,)."""

    centroids: np.ndarray
    dual: np.ndarray
    fused: np.ndarray
    steps: int
    relative_stiffness: float


def _solve_pieces(
    problem: CentroidProblem,
    gamma: float,
    dual: np.ndarray,
    phase: str,
    accuracy: float,
    relative_stiffness: float,
) -> _PieceSolution:
    """Interior points, or Newton from ``dual`` (m, d); in phase "look" without a step."""
    if not len(problem.edges):
        nothing = np.zeros((0, problem.means.shape[1]))
        return _PieceSolution(
            problem.means, nothing, np.zeros(0, dtype=bool), 0, relative_stiffness
        )
    if phase == "interior":
        return _solve_by_interior_points(problem, gamma, accuracy, relative_stiffness)
    tol = np.inf if phase == "look" else accuracy
    found = augmented_newton(
        problem, gamma, _sum_on_pairs(problem, dual), tol=tol, relative_stiffness=relative_stiffness
    )
    return _PieceSolution(
        found.centroids, found.dual, found.fused, found.steps, found.relative_stiffness
    )


def _solve_by_interior_points(
    problem: CentroidProblem, gamma: float, accuracy: float, relative_stiffness: float
) -> _PieceSolution:
    small = Graph(len(problem.sizes), problem.edges, problem.weights)
    centroids, forces, steps = interior_point(problem.means, small, gamma, accuracy, problem.sizes)
    radius = gamma * problem.weights
    forces = project(forces, radius)
    # The prox step of dual ascent on this problem (`ama`): zero where the edge is fused.
    step = ascent_steps(problem.edges, problem.sizes)
    proposed = forces + step[:, None] * (small.incidence() @ centroids)
    return _PieceSolution(centroids, forces, lengths(proposed) < radius, steps, relative_stiffness)


def _sum_on_pairs(problem: CentroidProblem, dual: np.ndarray) -> np.ndarray:
    """The dual (m, d) added up on the pairs of the problem, (P, d)."""
    signed = np.where(problem.forward, 1.0, -1.0)[:, None] * dual[problem.crossing]
    count = len(problem.edges)
    columns = [np.bincount(problem.pair, column, minlength=count) for column in signed.T]
    return np.stack(columns, axis=1)


@dataclass(frozen=True, eq=False)
class _PointSolution:
    labels: np.ndarray
    solution: np.ndarray
    dual: np.ndarray
    overloaded: np.ndarray
    finer: np.ndarray


def _lift(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    pieces: np.ndarray,
    problem: CentroidProblem,
    inner: _PieceSolution,
    dual: np.ndarray,
    flow_steps: int,
) -> _PointSolution:
    """What the pieces' solution says of the points: partition (n,), X (n, d), feasible Z (m, d).

    ``overloaded`` (m,) are the edges in pieces that no flow holds together, ``finer`` (n,) the
    pieces where a witness has shown how some of them split.
    """
    whole = dual.copy()
    labels = connected(len(problem.sizes), problem.edges[inner.fused])[pieces]
    share = graph.weights[problem.crossing] / problem.weights[problem.pair]
    share *= np.where(problem.forward, 1.0, -1.0)
    whole[problem.crossing] = share[:, None] * inner.dual[problem.pair]
    solution = inner.centroids[pieces]
    overloaded = np.zeros(graph.m, dtype=bool)
    inside, finer = ~problem.crossing, pieces
    if inside.any():
        whole[inside] = 0
        demand = points - graph.incidence().T @ whole - solution
        within = ClusterFlows(graph.incidence()[inside], pieces, gamma * graph.weights[inside])
        flow, _, split = within.route(demand, dual[inside], flow_steps)
        finer = pieces if split is None else split.labels
        overloaded[inside] = lengths(flow) > within.capacity * (1 + 1e-9)
        clip(flow, within.capacity)
        whole[inside] = flow
    return _PointSolution(labels, solution, whole, overloaded, finer)
