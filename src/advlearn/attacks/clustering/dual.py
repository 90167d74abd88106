"""Split a cluster by the multiplier of its flow: pull where no flow can follow.

Derived here. A cluster holds together while the load of its edges is at most 1, the least largest
|F_e| / (gamma w_e) of the flows F that balance the forces b on its points
(:mod:`advlearn.learners.convex.load`). With its multiplier Y, centred and scaled so that
gamma sum_e w_e |y_i - y_j| = 1, the load is <b, Y> and

    d load = <Y, db> - load sum_e gamma |y_i - y_j| dw_e

by the envelope theorem. The forces b_i = a_i - mean - gamma (p_i - mean p) change with the points
themselves, with the weights that follow them and with the directions z between the centroids,
whose derivatives are those of :mod:`advlearn.attacks.clustering.gradient`. A cut is the case in
which Y has two values.

For fixed directions and weights the load is convex in the points: the best perturbation of the
linearised load raises the load itself at least as much, so whole steps are taken, and shorter ones
only where the load falls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

import numpy as np

from advlearn.attacks.clustering.common import Problem, WhiteBoxView, frank_wolfe_step
from advlearn.attacks.clustering.cut import pulls
from advlearn.attacks.clustering.gradient import exact, through_weights
from advlearn.budgets.points import PointBudget
from advlearn.learners.convex import certify_partition
from advlearn.learners.convex.graph import Graph
from advlearn.learners.convex.load import flow_load
from advlearn.learners.convex.solution import lengths

__all__ = ["Dual", "Loaded", "cluster_load"]

# An attack only proposes: the exact learner judges.
_ACCURACY = 1e-3
# A potential is a proof: a load above 1, but for rounding, rules the cluster out.
_SPLIT = 1 + 1e-9
# More is not asked: weights that follow the points may be 1e-150 of what they were by then, and the
# load so large that to find it overflows.
_ENOUGH = 1.01
_SHORTEST = 0.1


@dataclass(frozen=True, eq=False)
class Loaded:
    """The load of one cluster's edges.

    Attributes:
        cluster: its number.
        value: the load, or a number below it where both are far above 1; above 1 the cluster falls
            apart.
        potential: Y, (n, d), 0 outside the cluster.
        slope: derivative with respect to the points, (n, d), weights following if they do; 0 where
            the value is far above 1.
    """

    cluster: int
    value: float
    potential: np.ndarray
    slope: np.ndarray

    def reached_at(self, budget: PointBudget) -> float:
        """Radius at which the load is 1, to first order; inf where no perturbation raises it."""
        gain = float(np.vdot(self.slope, budget.scaled(1.0).maximiser(self.slope)))
        return max(0.0, 1.0 - self.value) / gain if gain > 0 else np.inf


@dataclass(frozen=True)
class Dual:
    """Raise the load of a cluster's edges until no flow holds it together.

    Args:
        clusters: how many clusters are tried: those whose load reaches 1 first, to first order.
        steps: most steps for each cluster; each finds its multiplier once.
        largest: points times coordinates of a cluster above which it is left alone: to find the
            multiplier of 17,000 numbers takes half a minute and more, of 1,600 a tenth of a second.
    """

    clusters: int = 3
    steps: int = 8
    largest: int = 10_000
    _clean: WeakKeyDictionary[Problem, list[Loaded]] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False, compare=False
    )

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """For each cluster the perturbation of the largest load, the first that is above 1.

        Raises:
            UserError: the learner is no convex clustering.
        """
        clean = WhiteBoxView.at(problem, "dual")
        budget = problem.budget.scaled(tau)
        # The same at every radius.
        if problem not in self._clean:
            sizes = np.bincount(clean.solution.labels)
            most = self.largest // clean.points.shape[1]
            several = np.flatnonzero((sizes > 1) & (sizes <= most))
            self._clean[problem] = [cluster_load(clean, int(name)) for name in several]
        loads = sorted(self._clean[problem], key=lambda load: load.reached_at(budget))
        for load in loads[: self.clusters]:
            yield self._ascended(clean, budget, load)

    def _ascended(self, clean: WhiteBoxView, budget: PointBudget, load: Loaded) -> np.ndarray:
        best, here = np.zeros_like(clean.points), load
        length, gain = 1.0, np.inf
        for step in range(self.steps):
            # Steps gain less and less: stop where all that are left could not reach 1.
            if here.value + gain * (self.steps - step) < 1:
                break
            tried = frank_wolfe_step(budget, best, here.slope, length)
            view = _kept(clean, clean.points + tried)
            if view is None:
                return tried
            there = cluster_load(view, load.cluster, here.potential)
            if step and there.value <= here.value * (1 + _ACCURACY):
                length /= 3
                if length < _SHORTEST:
                    break
                continue
            gain = there.value - here.value if step else np.inf
            best, here = tried, there
            if here.value > _SPLIT:
                break
        return best


def cluster_load(view: WhiteBoxView, cluster: int, start: np.ndarray | None = None) -> Loaded:
    """The load of the edges of one cluster of at least two points, and its derivative.

    Args:
        view: whose clusters are connected.
        cluster: number of the cluster.
        start: a potential (n, d) of points nearby.
    """
    labels, gamma, graph = view.solution.labels, view.learner.gamma, view.graph
    members = np.flatnonzero(labels == cluster)
    inside = (labels[graph.edges] == cluster).all(axis=1)
    position = np.zeros(graph.n, dtype=np.int64)
    position[members] = np.arange(len(members))
    within = Graph(len(members), position[graph.edges[inside]], gamma * graph.weights[inside])
    near = None if start is None else start[members]
    load = flow_load(pulls(view)[members], within, tol=_ACCURACY, start=near, enough=_ENOUGH)
    potential = np.zeros_like(view.points)
    potential[members] = load.potential
    # A split cluster is the end of the search.
    ended = load.value > _ENOUGH
    slope = np.zeros_like(potential) if ended else _slope(view, potential, load.value)
    return Loaded(cluster, load.value, potential, slope)


def _slope(view: WhiteBoxView, potential: np.ndarray, load: float) -> np.ndarray:
    """Derivative of <b, Y> - load gamma sum w |y_i - y_j| at a fixed Y, (n, d)."""
    labels, gamma, graph = view.solution.labels, view.learner.gamma, view.graph
    incidence = graph.incidence()
    apart = incidence @ view.solution.centroids[labels]
    distance = lengths(apart)
    crossing = labels[graph.edges[:, 0]] != labels[graph.edges[:, 1]]
    along = np.where(crossing[:, None], apart, 0.0) / np.where(crossing, distance, 1.0)[:, None]
    differences = incidence @ potential
    parallel = np.einsum("ij,ij->i", differences, along)
    # dz = (I - z z^T) (du_a - du_b) / |u_a - u_b|.
    turning = np.where(crossing, gamma * graph.weights / np.where(crossing, distance, 1.0), 0.0)
    turned = turning[:, None] * (differences - parallel[:, None] * along)
    found = exact(labels, view.solution.centroids, graph, gamma, -(incidence.T @ turned), tol=1e-8)
    slope: np.ndarray = found.points + potential
    if view.learner.weights == "fixed":
        return slope
    direct = -gamma * np.where(crossing, parallel, load * lengths(differences))
    followed: np.ndarray = slope + through_weights(
        view.points, graph, view.learner.phi, found.weights + direct
    )
    return followed


def _kept(clean: WhiteBoxView, points: np.ndarray) -> WhiteBoxView | None:
    """What other points would give if the partition stayed; none if clusters meet."""
    labels = clean.solution.labels
    graph = clean.learner.graph_at(points)
    found = certify_partition(
        points,
        graph,
        clean.learner.gamma,
        labels,
        centroids=clean.solution.centroids,
        max_iter=0,
    )
    if found.centroids is None or not found.separation > 0:
        return None
    return replace(
        clean,
        points=points,
        graph=graph,
        solution=replace(clean.solution, centroids=found.centroids),
    )
