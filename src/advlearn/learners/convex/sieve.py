"""Solve a smaller problem: points that are fused in all likelihood enter as one, with their mass.

Derived here; the idea of a reduced problem that is enlarged until it is proved right is adaptive
sieving (Yuan, Lin, Sun & Toh 2022). A partition into pieces that is finer than the true one loses
nothing: the problem of the pieces, with masses and added weights, has the same optimum. So the
pieces of a few dual steps are solved by interior points, and a flow in each cluster (`flow`) says
whether its pieces were right. The pieces of clusters without a flow fall apart, and it goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from advlearn.learners.convex.ama import clip, project
from advlearn.learners.convex.conic import interior_point
from advlearn.learners.convex.flow import FlowCertificate, Within, examine
from advlearn.learners.convex.graph import Graph, by_first_point, connected
from advlearn.learners.convex.reduced import cluster_means, reduce
from advlearn.learners.convex.solution import lengths, relative_gap

# Clarabel's tolerance in the first and in the last round: later rounds tell narrower borders apart.
_FIRST, _LAST = 1e-9, 1e-13
_ROUNDS = 5
# Where the pieces are more of the points than this, wrong ones cost more than all of them save.
_WORTHWHILE = 0.5


@dataclass(frozen=True, eq=False)
class Sieved:
    """The best of the rounds of `sieve`.

    Attributes:
        proof: certificate of ``labels``, None where no problem was small enough.
        labels: (n,) int64 by first point.
        solution: X, (n, d).
        dual: Z, (m, d), feasible.
        gap: relative duality gap of both, inf where there is no proof.
        steps: of the interior points, so far.
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
        dual: Z, (m, d) feasible, where the flows inside the pieces start.
        largest: most unknowns (pieces times d) of a problem of pieces.
        flow_steps: most steps of the search for flows in a round.
        tol: relative gap at which a larger problem than ``provable`` need not be proved.
        provable: unknowns (clusters times d) up to which the proof is sought.
    """
    steps, accuracy = 0, _FIRST
    if int(pieces.max()) + 1 > _WORTHWHILE * graph.n and points.size <= largest:
        pieces = np.arange(graph.n)
    best = Sieved(None, pieces, points, dual, np.inf, 0)
    for _ in range(_ROUNDS):
        if (int(pieces.max()) + 1) * points.shape[1] > largest:
            break
        solved = _solve_pieces(points, graph, gamma, pieces, dual, accuracy, flow_steps)
        dual = solved.dual
        steps += solved.steps
        labels, solution = solved.labels, solved.solution
        gap = relative_gap(points, graph, gamma, solution, dual)
        best = min(best, Sieved(None, labels, solution, dual, gap, steps))
        if solved.overloaded.any():
            pieces = _apart(graph, pieces, pieces, solved.overloaded)
            continue
        centroids = cluster_means(solution, labels, int(labels.max()) + 1)
        enough = gap <= tol and centroids.size > provable
        found = examine(points, graph, gamma, labels, None, centroids, dual, flow_steps)
        if found.split is not None and found.centroids is not None and not enough:
            # The last borders can be narrower than interior points see: the witness shows them.
            labels = found.split.labels
            moved = cluster_means(
                found.centroids[solved.labels] + found.split.shift, labels, int(labels.max()) + 1
            )
            found = examine(
                points, graph, gamma, labels, None, moved, dual, flow_steps, patient=True
            )
        if found.valid and found.centroids is not None and found.dual is not None:
            solution = found.centroids[labels]
            gap = relative_gap(points, graph, gamma, solution, found.dual)
            return Sieved(found, labels, solution, found.dual, gap, steps)
        if enough or accuracy <= _LAST:
            break
        accuracy = max(accuracy / 100, _LAST)
    return best


def _apart(
    graph: Graph, pieces: np.ndarray, among: np.ndarray, overloaded: np.ndarray
) -> np.ndarray:
    """Pieces whose group in ``among`` has an overloaded edge fall apart into points."""
    loose = np.isin(among, among[graph.edges[overloaded].ravel()])
    return by_first_point(np.where(loose, graph.n + np.arange(graph.n), pieces))


@dataclass(frozen=True, eq=False)
class _Pieces:
    labels: np.ndarray
    solution: np.ndarray
    dual: np.ndarray
    overloaded: np.ndarray
    steps: int


def _solve_pieces(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    pieces: np.ndarray,
    dual: np.ndarray,
    accuracy: float,
    flow_steps: int,
) -> _Pieces:
    """The problem of the pieces: partition (n,), X (n, d), feasible Z (m, d).

    ``overloaded`` (m,) are the edges in pieces that no flow holds together.
    """
    problem = reduce(points, graph, pieces)
    count = len(problem.sizes)
    whole = dual.copy()
    labels, solution, steps = pieces, problem.means, 0
    if len(problem.edges):
        small = Graph(count, problem.edges, problem.weights)
        solution, forces, steps = interior_point(
            problem.means, small, gamma, accuracy, problem.sizes
        )
        radius = gamma * problem.weights
        forces = project(forces, radius)
        # The prox step of dual ascent on this problem (`ama`): zero where the edge is fused.
        degree = np.bincount(problem.edges.ravel(), minlength=count) / problem.sizes
        step = 1 / (degree[problem.edges[:, 0]] + degree[problem.edges[:, 1]])
        proposed = forces + step[:, None] * (small.incidence() @ solution)
        labels = connected(count, problem.edges[lengths(proposed) < radius])[pieces]
        share = gamma * graph.weights[problem.crossing] / radius[problem.pair]
        share *= np.where(problem.forward, 1.0, -1.0)
        whole[problem.crossing] = share[:, None] * forces[problem.pair]
    solution = solution[pieces]
    overloaded = np.zeros(graph.m, dtype=bool)
    inside = ~problem.crossing
    if inside.any():
        whole[inside] = 0
        demand = points - graph.incidence().T @ whole - solution
        within = Within(graph.incidence()[inside], pieces, gamma * graph.weights[inside])
        flow, _, _ = within.route(demand, dual[inside], flow_steps)
        overloaded[inside] = lengths(flow) > within.capacity * (1 + 1e-9)
        clip(flow, within.capacity)
        whole[inside] = flow
    return _Pieces(labels, solution, whole, overloaded, steps)
