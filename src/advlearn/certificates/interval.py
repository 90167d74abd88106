"""For which gamma convex clustering gives exactly a wanted partition: three answers.

`sun_toh_yuan_interval` is the recovery interval of Sun, Toh & Yuan (2021), restated here;
`electrical_interval` and its reweighting are derived here
(docs/studies/bilevel-certificates.md) and also certify graphs that are not complete;
`true_interval` finds the ends by solving.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from advlearn.certificates.blocks import Blocks, Cluster, blocks
from advlearn.certificates.routing import Matrix, best_routing, complete_routing
from advlearn.learners.convex import Graph, solve
from advlearn.learners.convex.graph import by_first_point
from advlearn.support.errors import UserError, told_apart

SWEEPS = 60
"""Sweeps of multiplicative weights after which hardly anything changes."""


@dataclass(frozen=True)
class Interval:
    """Values of gamma with low <= gamma < high; empty where low >= high.

    Attributes:
        low: 0 where every cluster is one point, inf where nothing is certified.
        high: inf where no edge joins two clusters.
    """

    low: float
    high: float

    def __contains__(self, gamma: float) -> bool:
        return self.low <= gamma < self.high


def sun_toh_yuan_interval(points: np.ndarray, labels: np.ndarray, graph: Graph) -> Interval:
    """The recovery interval of Sun, Toh & Yuan (2021) for weighted sum-of-norms clustering.

    low = max |a_i - a_j| / (n_a w_ij - mu_ij) over the pairs inside clusters, with mu_ij = sum_b
    |w_i^b - w_j^b|; inf unless each cluster is complete and every denominator is positive.
    high = min |mean_a - mean_b| / (W_a / n_a + W_b / n_b) over the clusters that an edge joins
    (others cannot fuse).

    Args:
        points: A, (n, d).
        labels: (n,) integers.
        graph: on n points.

    Raises:
        UserError: arrays that do not fit, or points that are no finite table.
    """
    cut = blocks(points, labels, graph)
    pulls = cut.pulls(graph.weights)

    def low(cluster: Cluster) -> float:
        if not cluster.complete:
            return math.inf
        return _low(cut, cluster, pulls, complete_routing(cluster))[0]

    return _interval(cut, pulls, low)


def electrical_interval(
    points: np.ndarray, labels: np.ndarray, graph: Graph, *, sweeps: int = SWEEPS
) -> Interval:
    """The interval certified by electrical flows inside the clusters (derived here).

    With a routing R of a cluster (`routing`) gamma is large enough once, on all of its edges,
    |R_e a| / gamma + sum_b |R_e w^b| <= w_e. Conductances begin at the weights and are changed by
    ``sweeps`` rounds of multiplicative weights; the best routing is kept. With conductances 1 on
    a complete cluster this is `sun_toh_yuan_interval`. low is inf where a cluster is not connected.

    Args:
        points: A, (n, d).
        labels: (n,) integers.
        graph: on n points.
        sweeps: 0 for conductances c = w alone.

    Raises:
        UserError: as `sun_toh_yuan`, sweeps < 0, or a cluster too large for a dense routing.
    """
    check_sweeps(sweeps)
    cut = blocks(points, labels, graph)
    pulls = cut.pulls(graph.weights)
    high = _high(cut, pulls)

    def low(cluster: Cluster) -> float:
        if not cluster.connected:
            return math.inf

        def score(routing: Matrix) -> tuple[float, np.ndarray]:
            found, length, turn = _low(cut, cluster, pulls, routing)
            gamma = found if math.isfinite(found) else high
            load = turn + (length / gamma if gamma > 0 else 0.0)
            return -found, load / graph.weights[cluster.rows]

        value, _ = best_routing(cluster, graph.weights[cluster.rows], score, sweeps)
        return -value

    return _interval(cut, pulls, low)


def true_interval(
    points: np.ndarray,
    labels: np.ndarray,
    graph: Graph,
    tol: float = 1e-4,
    *,
    gamma: float | None = None,
    span: float = 1e6,
) -> Interval:
    """The stretch of gamma around one good value on which the solution has this partition.

    Found by bisection with exact solutions; assumes that the stretch has no gaps that are hit by
    none of the solutions.

    Args:
        points: A, (n, d).
        labels: (n,) integers.
        graph: on n points.
        tol: relative accuracy of both ends: ``low`` has the partition, ``high`` has not.
        gamma: a value with the partition; by default one from `electrical_interval`.
        span: ends further away than this factor are returned as 0 and inf.

    Raises:
        UserError: no such value is known, or at ``gamma`` the partition is another.
    """
    cut = blocks(points, labels, graph)
    if gamma is None:
        known = electrical_interval(points, labels, graph)
        if not known.low < known.high:
            ends = told_apart(known.low, known.high)
            raise UserError(
                "no gamma is known at which the solution has this partition",
                where=f"certified interval [{ends[0]}, {ends[1]})",
                remedy="give gamma, for example from the clusterpath",
            )
        gamma = _middle(known)

    def same(at: float) -> bool:
        found = solve(cut.points, graph, at, tol=1e-10).labels
        return bool(np.array_equal(by_first_point(found), cut.labels))

    if not (gamma > 0 and math.isfinite(gamma)) or not same(gamma):
        raise UserError(
            "at this gamma the solution has another partition",
            where=f"gamma = {gamma}, {cut.n_clusters} clusters wanted",
            remedy="give a gamma > 0 from the stretch of the clusterpath with this partition",
        )
    low = _end(same, gamma, 1.0 / span, tol)
    high = _end(same, gamma, span, tol)
    return Interval(0.0 if low is None else low[0], math.inf if high is None else high[1])


def check_sweeps(sweeps: int) -> None:
    """Raises UserError where ``sweeps`` is negative."""
    if sweeps < 0:
        raise UserError(
            "the sweeps of multiplicative weights are a count",
            where=f"sweeps = {sweeps}",
            remedy="give 0 (conductances equal to the weights) or more, for example 60",
        )


def _interval(cut: Blocks, pulls: np.ndarray, low: Callable[[Cluster], float]) -> Interval:
    inside = [low(cluster) for cluster in cut.clusters if len(cluster.members) > 1]
    # NaN is the largest to numpy: an end that is not known is never passed over.
    return Interval(float(np.max(inside, initial=0.0)), _high(cut, pulls))


def _low(
    cut: Blocks, cluster: Cluster, pulls: np.ndarray, routing: Matrix
) -> tuple[float, np.ndarray, np.ndarray]:
    """Smallest gamma of a routing; |R_e a| and sum_b |R_e w^b| of each edge."""
    length = np.linalg.norm(routing @ cut.points[cluster.members], axis=1)
    turn = np.abs(routing @ pulls[cluster.members]).sum(axis=1)
    left = cut.graph.weights[cluster.rows] - turn
    if (left <= 0).any():
        return math.inf, length, turn
    return float((length / left).max()), length, turn


def _high(cut: Blocks, pulls: np.ndarray) -> float:
    if not len(cut.pairs):
        return math.inf
    a, b = cut.pairs.T
    share = cut.between(pulls).sum(axis=1) / cut.sizes
    distance = np.linalg.norm(cut.means[a] - cut.means[b], axis=1)
    return float((distance / (share[a] + share[b])).min())


def _middle(known: Interval) -> float:
    """A gamma well inside, but not far above the lower end: the upper one may be huge."""
    if known.low == 0:
        return known.high / 2 if math.isfinite(known.high) else 1.0
    return min(math.sqrt(known.low * known.high), 4 * known.low)


def _end(
    same: Callable[[float], bool], inside: float, span: float, tol: float
) -> tuple[float, float] | None:
    """A pair (with, without the partition) on the way from ``inside`` to ``inside * span``."""
    factor = 2.0 if span > 1 else 0.5
    good, bad = inside, inside * factor
    while same(bad):
        good, bad = bad, bad * factor
        if (bad / inside - span) * (1 if span > 1 else -1) > 0:
            return None
    while abs(bad - good) > tol * good:
        middle = math.sqrt(good * bad)
        if same(middle):
            good = middle
        else:
            bad = middle
    return good, bad
