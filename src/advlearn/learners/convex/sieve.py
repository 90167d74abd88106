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

from advlearn.learners.convex.ama import project
from advlearn.learners.convex.conic import interior_point
from advlearn.learners.convex.flow import FlowCertificate, examine
from advlearn.learners.convex.graph import Graph, by_first_point, connected
from advlearn.learners.convex.reduced import cluster_means, reduce
from advlearn.learners.convex.solution import duality_gap, lengths, objective

# Clarabel's tolerance in the first and in the last round: later rounds tell narrower borders apart.
_FIRST, _LAST = 1e-9, 1e-13
_ROUNDS = 5
# At a larger gap there are more wrong pieces than a witness of some clusters can mend.
_NEAR = 1e-5


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
    best = Sieved(None, pieces, points, dual, np.inf, 0)
    for _ in range(_ROUNDS):
        if (int(pieces.max()) + 1) * points.shape[1] > largest:
            break
        labels, solution, dual, used = _solve_pieces(points, graph, gamma, pieces, dual, accuracy)
        steps += used
        centroids = cluster_means(solution, labels, int(labels.max()) + 1)
        found = examine(points, graph, gamma, labels, None, centroids, dual, flow_steps)
        best = min(best, _weigh(points, graph, gamma, found, labels, solution, dual, steps))
        if found.valid or found.overloaded is None:
            break
        if best.gap <= tol and centroids.size > provable:
            break
        if found.split is not None and found.centroids is not None and best.gap <= _NEAR:
            # The last borders can be narrower than interior points see: the witness shows them.
            finer = found.split.labels
            moved = found.centroids[labels] + found.split.shift
            start = cluster_means(moved, finer, int(finer.max()) + 1)
            again = examine(
                points, graph, gamma, finer, None, start, dual, flow_steps, patient=True
            )
            if again.valid:
                return _weigh(points, graph, gamma, again, finer, moved, dual, steps)
        ends = graph.edges[found.overloaded].ravel()
        whole = np.bincount(pieces)[pieces] > 1
        loose = whole & np.isin(pieces, pieces[ends])
        if not loose.any():
            loose = whole & np.isin(labels, labels[ends])
        pieces = by_first_point(np.where(loose, len(points) + np.arange(len(points)), pieces))
        accuracy = max(accuracy / 100, _LAST)
    return best


def _weigh(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    found: FlowCertificate,
    labels: np.ndarray,
    solution: np.ndarray,
    dual: np.ndarray,
    steps: int,
) -> Sieved:
    """The better of the interior points' pair and the certificate's, with its gap."""
    pairs = [(solution, dual)]
    if found.centroids is not None and found.dual is not None:
        pairs.append((found.centroids[labels], found.dual))
    weighed = []
    for each, forces in pairs:
        value = objective(points, graph, gamma, each)
        gap = duality_gap(points, graph, gamma, each, forces)
        relative = gap / value if value > 0 else 0.0
        weighed.append(Sieved(found, labels, each, forces, relative, steps))
    return min(reversed(weighed))


def _solve_pieces(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    pieces: np.ndarray,
    dual: np.ndarray,
    tol: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Partition (n,), X (n, d), dual (m, d) and steps of the problem of the pieces."""
    problem = reduce(points, graph, pieces)
    count = len(problem.sizes)
    if not len(problem.edges):
        return pieces, problem.means[pieces], dual, 0
    small = Graph(count, problem.edges, problem.weights)
    solution, forces, steps = interior_point(problem.means, small, gamma, tol, problem.sizes)
    radius = gamma * problem.weights
    forces = project(forces, radius)
    differences = small.incidence() @ solution
    # The prox step of dual ascent on this problem (`ama`): zero where the edge is fused.
    degree = np.bincount(problem.edges.ravel(), minlength=count) / problem.sizes
    step = 1 / (degree[problem.edges[:, 0]] + degree[problem.edges[:, 1]])
    fused = lengths(forces + step[:, None] * differences) < radius
    together = connected(count, problem.edges[fused])
    whole = dual.copy()
    share = gamma * graph.weights[problem.crossing] / radius[problem.pair]
    share *= np.where(problem.forward, 1.0, -1.0)
    whole[problem.crossing] = share[:, None] * forces[problem.pair]
    return together[pieces], solution[pieces], whole, steps
