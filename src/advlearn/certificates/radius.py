"""Robust radius: a perturbation of at most this size provably leaves the partition as it is.

Let R be a routing of each cluster (`routing`), z_ab the directions between the centroids of the
perturbed problem and w' its weights. The partition is exactly that of the solution once joined
centroids stay apart and on every edge inside a cluster

    | R_e (a + e) - gamma sum_b (R_e w'^b) z'^ab |  <=  gamma w'_e .

The three methods bound the left side over all perturbations of a radius (derived here,
docs/studies/bilevel-certificates.md; what is recalled from Sun, Toh & Yuan 2021 is the case
without a perturbation):

``sun_toh_yuan``      R_ij = (e_i - e_j) / n_a on complete clusters, directions unknown
``electrical``        R searched for the largest radius, directions unknown
``exact_directions``  the same, with the solved directions and a bound on how far they turn

Each holds for all four budgets and for both kinds of weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from advlearn.certificates.blocks import Blocks, Cluster, blocks
from advlearn.certificates.calmness import Weights, check_weights
from advlearn.certificates.interval import SWEEPS, check_sweeps
from advlearn.certificates.reach import Reach, reach
from advlearn.certificates.routing import Matrix, best_routing, complete_routing
from advlearn.certificates.turning import SolvedCentroids, Turns, solve_centroids, turns
from advlearn.learners.convex.graph import Graph
from advlearn.support.errors import unknown_name

Budget = Literal["per_point", "frobenius", "single_point", "linf"]
Method = Literal["sun_toh_yuan", "electrical", "exact_directions"]
METHODS = ("sun_toh_yuan", "electrical", "exact_directions")

# Rounding of the two sides of an inequality, relative to the larger; and of the radius found.
_ROUNDING = 1e-10
_COARSE, _FINE = 2e-3, 1e-9
_QUADRUPLINGS = 40


@dataclass(frozen=True)
class Radius:
    """What is certified.

    Attributes:
        value: every perturbation of at most this size leaves the partition unchanged; 0 where
            nothing is certified, inf where nothing can change it.
        inside: up to here no cluster splits, as long as none merge; 0 and inf as above.
        outside: up to here no clusters merge, as long as none split.
    """

    value: float
    inside: float
    outside: float


def radius(
    points: np.ndarray,
    labels: np.ndarray,
    graph: Graph,
    gamma: float,
    *,
    budget: Budget = "per_point",
    method: Method = "exact_directions",
    weights: Weights = "fixed",
    phi: float | None = None,
    index: int | None = None,
    sweeps: int = SWEEPS,
) -> Radius:
    """Certify a radius within which convex clustering gives the same partition.

    A partition is the connected components of the edges whose ends have one x. If ``labels`` is
    not the partition of the solution at ``gamma``, nothing is certified. What the certificate
    assumes of the attacker: the edges of the graph stay, and so do their weights (``fixed``), or
    the weights are those of the perturbed points (``recomputed``).

    Args:
        points: A, (n, d) finite.
        labels: (n,) integers, the partition.
        graph: on n points, with the weights of ``points``.
        gamma: penalty, > 0.
        budget: ``per_point`` max_i |e_i|_2, ``frobenius`` |E|_F, ``single_point`` |e_index|_2 with
            all others 0, or ``linf`` max |E_ik|.
        method: see the module.
        weights: ``fixed``, or ``recomputed`` as exp(-phi |a_i - a_j|^2).
        phi: needed where weights are recomputed.
        index: the point of ``single_point``; none: any one point.
        sweeps: rounds of the search for the best routing.

    Raises:
        UserError: arrays that do not fit, wrong values, weights that are not those of ``phi``, or
            a cluster too large for a dense routing.
    """
    cut = blocks(points, labels, graph)
    check_weights(points, graph, gamma, weights, phi)
    check_sweeps(sweeps)
    if method not in METHODS:
        raise unknown_name("method", method, list(METHODS), where=f"method {method!r}")
    solved = solve_centroids(cut, gamma) if method != "sun_toh_yuan" and len(cut.pairs) else None
    certifier = _Certifier(
        cut,
        reach(cut, budget, index),
        gamma,
        phi if weights == "recomputed" else None,
        solved,
        method == "exact_directions",
        cut.pulls(graph.weights),
    )
    outside = certifier.outside()
    inside = math.inf
    # Large clusters first: for the others it is enough to be no worse.
    for cluster in sorted(cut.clusters, key=lambda one: -len(one.members)):
        if len(cluster.members) > 1:
            inside = min(inside, certifier.inside(cluster, method, sweeps, inside))
    return Radius(min(inside, outside), inside, outside)


@dataclass(frozen=True, eq=False)
class _Bounds:
    """What the perturbations of one radius can do to weights and directions.

    ``edge``: smallest weight of each edge (m,); ``pulls``: middle and half width of w_i^b, (n, K);
    ``drift``: largest |w'_i^b - w_i^b|, (n, K); ``low``, ``high``: W', (K, K).
    """

    edge: np.ndarray
    middle: np.ndarray
    half: np.ndarray
    drift: np.ndarray
    low: np.ndarray
    high: np.ndarray
    turns: Turns | None


@dataclass(frozen=True, eq=False)
class _Certifier:
    cut: Blocks
    reach: Reach
    gamma: float
    phi: float | None
    """Rate of weights that are recomputed; none where they are fixed."""
    solved: SolvedCentroids | None
    finer: bool
    """Whether the solved directions may be used inside the clusters."""
    pulls: np.ndarray
    """w_i^b, (n, K)."""
    _known: dict[float, _Bounds] = field(default_factory=dict)

    def bounds(self, size: float) -> _Bounds:
        """The bounds for one radius; the last few are remembered."""
        if size not in self._known:
            if len(self._known) > 3:
                self._known.clear()
            self._known[size] = self._bounds(size)
        return self._known[size]

    def _bounds(self, size: float) -> _Bounds:
        cut, least = self.cut, self.cut.graph.weights
        low = high = self.pulls
        if self.phi is not None:
            ends = cut.points[cut.graph.edges]
            differences = ends[:, 0] - ends[:, 1]
            shifts = size * self.reach.edges()
            least = np.exp(-self.phi * self.reach.longest(differences, shifts) ** 2)
            most = np.exp(-self.phi * self.reach.shortest(differences, shifts) ** 2)
            low, high = cut.pulls(least), cut.pulls(most)
        between = cut.between(low), cut.between(high)
        turned = None
        if self.solved is not None:
            turned = turns(self.solved, self.reach, size, *between)
        middle, half = (low + high) / 2, (high - low) / 2
        return _Bounds(least, middle, half, np.abs(self.pulls - middle) + half, *between, turned)

    def outside(self) -> float:
        """Largest radius at which all joined centroids provably stay apart."""
        if not len(self.cut.pairs):
            return math.inf
        a, b = self.cut.pairs.T
        differences = self.cut.means[a] - self.cut.means[b]
        centres, scale = self.reach.centres(), float(np.linalg.norm(differences, axis=1).max())

        def holds(size: float) -> bool:
            bounds = self.bounds(size)
            left = self.reach.shortest(differences, size * centres)
            share = self.gamma * bounds.high.sum(axis=1) / self.cut.sizes
            apart = left - share[a] - share[b]
            if bounds.turns is not None:
                apart = np.maximum(apart, bounds.turns.apart)
            return bool((apart > _ROUNDING * scale).all())

        return _largest(holds, scale)

    def inside(self, cluster: Cluster, method: str, sweeps: int, enough: float) -> float:
        """Largest radius found at which a flow exists; not sought beyond ``enough``."""
        if not (cluster.complete if method == "sun_toh_yuan" else cluster.connected):
            return 0.0
        if self.finer and self.solved is None and len(self.cut.pairs):
            return 0.0
        scale = float(np.ptp(self.cut.points[cluster.members], axis=0).max()) or 1.0
        best = 0.0
        chosen: Callable[[float], np.ndarray] | None = None

        def score(routing: Matrix) -> tuple[float, np.ndarray]:
            nonlocal best, chosen
            stop = np.zeros(len(cluster.edges))
            if math.isinf(best):
                return best, stop
            load = self._load(cluster, routing)
            if math.isfinite(enough) and _fits(load(enough)):
                best, chosen = enough, None
                return best, stop
            # Almost every routing is hardly better than the best: one look tells.
            wanted = best * (1 + _COARSE)
            found = load(wanted)
            if _fits(found):
                best = _largest(lambda size: _fits(load(size)), scale, wanted, _COARSE)
                chosen = load
            return -float(found.max()), found

        if method == "sun_toh_yuan":
            score(complete_routing(cluster))
        else:
            best_routing(cluster, self.cut.graph.weights[cluster.rows], score, sweeps)
        if chosen is None or not math.isfinite(best):
            return best
        final = chosen
        return _largest(lambda size: _fits(final(size)), scale, best, _FINE)

    def _load(self, cluster: Cluster, routing: Matrix) -> Callable[[float], np.ndarray]:
        """Largest flow over gamma times smallest weight, (m_a,), as a function of the radius."""
        cut, gamma, reached = self.cut, self.gamma, self.reach
        members, size_of = cluster.members, abs(routing)
        per_unit = reached.routed(cluster, routing)
        forces = routing @ cut.points[members]
        routed = np.abs(routing @ self.pulls[members])
        number = int(cut.labels[members[0]])
        solved = self.solved if self.finer else None
        exact = None
        if solved is not None:
            exact = forces - routing @ solved.forces(self.pulls)[members]

        def load(size: float) -> np.ndarray:
            bounds = self.bounds(size)
            unknown = routed
            if self.phi is not None:
                unknown = np.abs(routing @ bounds.middle[members]) + size_of @ bounds.half[members]
            flow = reached.longest(forces, size * per_unit) + gamma * unknown.sum(axis=1)
            if exact is not None and bounds.turns is not None:
                turn = routed @ bounds.turns.turn[number]
                if self.phi is not None:
                    turn = turn + (size_of @ bounds.drift[members]).sum(axis=1)
                flow = np.minimum(flow, reached.longest(exact, size * per_unit) + gamma * turn)
            with np.errstate(divide="ignore"):
                # A weight that may underflow to 0 can carry nothing.
                found: np.ndarray = flow / (gamma * bounds.edge[cluster.rows])
            return found

        return load


def _fits(load: np.ndarray) -> bool:
    return bool((load <= 1.0 - _ROUNDING).all())


def _largest(
    holds: Callable[[float], bool], scale: float, known: float = 0.0, accuracy: float = _FINE
) -> float:
    """A radius >= ``known`` that holds, near the largest such; 0 where not even 0 holds.

    What holds at a radius holds for every smaller one, so a radius that was tested is certified
    even if the set of those that pass had gaps. Infinite where nothing stops it.
    """
    if not holds(known):
        return 0.0
    low, step = known, max(known, accuracy * scale) * 0.1
    for _ in range(_QUADRUPLINGS):
        if not holds(low + step):
            break
        low, step = low + step, 4 * step
    else:
        return math.inf
    high = low + step
    while high - low > accuracy * high:
        middle = (low + high) / 2
        if holds(middle):
            low = middle
        else:
            high = middle
        if high <= _FINE * scale:
            return low
    return low
