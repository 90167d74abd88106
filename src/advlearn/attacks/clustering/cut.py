"""Split a cluster along a cut of its graph, by the slack of the cut in closed form.

Derived here. A cluster V of n points stays fused only if no part S of it is pulled off: with
b_i = a_i - mean - gamma p_i, where p_i = sum_b (w_i^b - W^b / n) z^b is what the other clusters (b)
pull at i more than at the average point (z^b: unit vector away from b),

    |r_S| <= gamma cut_S  for every S,   r_S = sum_{i in S} b_i,   cut_S = sum_{i in S, j not} w_ij

Moving S by +e u and the rest of V by -e u, u = r_S / |r_S|, raises |r_S| by 2 e |S| (n - |S|) / n,
so with fixed weights the cluster splits once

    e > (gamma cut_S - |r_S|) n / (2 |S| (n - |S|))

to first order in z. Where the weights follow the points, |r_S| - gamma cut_S is ascended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import eigsh

from advlearn.attacks.clustering.common import Problem, WhiteBoxView, frank_wolfe_step
from advlearn.attacks.clustering.gradient import through_weights
from advlearn.budgets.points import PointBudget
from advlearn.learners.convex.graph import Graph

__all__ = ["ClusterPart", "Cut", "pulls", "smallest_parts"]

_RANKED = 12
_SLOWEST = 6
"""Eigenvectors along which a cluster is swept."""
_DENSE = 1_500
"""Points of a cluster up to which all of its Laplacian is decomposed."""


class ClusterPart(NamedTuple):
    """A part of a cluster that may be pulled off.

    Attributes:
        cluster: (n,) bool, the whole cluster.
        inside: (n,) bool, the part S.
        size: smallest size of a perturbation that pulls it off, to first order and in the budget
            that was asked for; 0 if nothing holds it.
    """

    cluster: np.ndarray
    inside: np.ndarray
    size: float


@dataclass(frozen=True)
class Cut:
    """Pull the weakest parts off their clusters.

    Args:
        parts: how many parts are tried; as many again among those of a quarter of a cluster or
            more, which change more.
        sweeps: random directions along which clusters are swept for parts.
        steps: Frank-Wolfe steps for each part, where the weights follow the points; none of them
            asks for a solution.
    """

    parts: int = 1
    sweeps: int = 8
    steps: int = 20

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """For each part a perturbation of size ``tau`` that pulls at it.

        Raises:
            UserError: the learner is no convex clustering.
        """
        clean = WhiteBoxView.at(problem, "cut")
        budget = problem.budget.scaled(tau)
        found = smallest_parts(clean, budget, sweeps=self.sweeps, generator=generator)
        large = [part for part in found if 4 * part.inside.sum() >= part.cluster.sum()]
        for part in found[: self.parts] + large[: self.parts]:
            perturbation = np.zeros_like(problem.data)
            # With fixed weights the direction does not turn, and one step is exact.
            for step in range(1 if clean.learner.weights == "fixed" else self.steps):
                _, ascent = _cut_excess(clean, part, problem.data + perturbation)
                perturbation = frank_wolfe_step(budget, perturbation, ascent, 2 / (step + 2))
            yield perturbation


def smallest_parts(
    view: WhiteBoxView, budget: PointBudget, *, sweeps: int, generator: np.random.Generator
) -> list[ClusterPart]:
    """Parts of clusters by the size of the perturbation that pulls them off, smallest first.

    Candidates are all single points; for each of ``sweeps`` random directions and the main
    directions of the pull, all parts that a hyperplane across that direction cuts off; and all
    beginnings of the orders in which the slowest eigenvectors of the cluster's graph put its points
    (Fiedler 1973): where a few weak edges hold two halves together, these find them, whatever pulls
    there. The best by the closed form are judged again in the geometry of ``budget`` and by the
    weights' derivatives.
    """
    pull = pulls(view)
    parts: list[ClusterPart] = []
    for name in range(len(view.solution.centroids)):
        cluster = view.solution.labels == name
        if cluster.sum() < 2:
            continue
        members = np.flatnonzero(cluster)
        weights = _within(view.graph, members)
        seen: set[bytes] = set()
        along = _orders(pull[members], sweeps, generator)
        for orders in (None, along + _spectral_orders(weights)):
            for inside in _best(pull[members], weights, view.learner.gamma, orders):
                inside = np.sort(inside)
                if (key := inside.tobytes()) in seen:
                    continue
                seen.add(key)
                chosen = np.zeros(len(cluster), dtype=bool)
                chosen[members[inside]] = True
                part = ClusterPart(cluster, chosen, 0.0)
                overhang, ascent = _cut_excess(view, part, view.points)
                # How much the overhang grows for each unit of the budget.
                gain = float(np.vdot(ascent, budget.maximiser(ascent)))
                if gain > 0:
                    parts.append(part._replace(size=max(0.0, -overhang) / gain))
    return sorted(parts, key=lambda part: part.size)


def pulls(view: WhiteBoxView) -> np.ndarray:
    """What pulls each point off its cluster, b (n, d); sums to 0 over a cluster."""
    return _pulls(view, view.points, view.graph)


def _pulls(view: WhiteBoxView, points: np.ndarray, graph: Graph) -> np.ndarray:
    """The b of other points, with the directions z of the solution that ``view`` has."""
    labels, centroids = view.solution.labels, view.solution.centroids
    first, second = graph.edges.T
    between = labels[first] != labels[second]
    first, second = first[between], second[between]
    apart = centroids[labels[first]] - centroids[labels[second]]
    apart *= (graph.weights[between] / np.linalg.norm(apart, axis=1))[:, None]
    off = points.copy()
    np.add.at(off, first, -view.learner.gamma * apart)
    np.add.at(off, second, view.learner.gamma * apart)
    members = sparse.csr_matrix(
        (np.ones(len(labels)), (labels, np.arange(len(labels)))),
        shape=(len(centroids), len(labels)),
    )
    means = (members @ off) / np.bincount(labels)[:, None]
    found: np.ndarray = off - means[labels]
    return found


def _cut_excess(
    view: WhiteBoxView, part: ClusterPart, points: np.ndarray
) -> tuple[float, np.ndarray]:
    """|r_S| - gamma cut_S at ``points`` and its derivative (n, d)."""
    learner = view.learner
    graph = view.graph if learner.weights == "fixed" else learner.graph_at(points)
    pulled = _pulls(view, points, graph)[part.inside].sum(axis=0)
    size = float(np.linalg.norm(pulled))
    along = pulled / size if size > 0 else np.zeros_like(pulled)
    share = part.inside.sum() / part.cluster.sum()
    lever = part.inside - share * part.cluster
    inside = part.inside[graph.edges]
    ours = part.cluster[graph.edges]
    crossing = ours.all(axis=1) & (inside[:, 0] != inside[:, 1])
    ascent = np.outer(lever, along)
    if learner.weights == "recomputed":
        labels, centroids = view.solution.labels, view.solution.centroids
        ends = labels[graph.edges]
        leaving = ours[:, 0] != ours[:, 1]
        apart = centroids[ends[leaving, 0]] - centroids[ends[leaving, 1]]
        towards_other = (apart @ along) / np.linalg.norm(apart, axis=1)
        # z points away from the other cluster, whichever end of the edge is ours.
        own = np.where(ours[leaving, 0], lever[graph.edges[leaving, 0]], 0.0)
        own -= np.where(ours[leaving, 1], lever[graph.edges[leaving, 1]], 0.0)
        slopes = np.zeros(graph.m)
        slopes[leaving] = -learner.gamma * own * towards_other
        slopes[crossing] = -learner.gamma
        ascent = ascent + through_weights(points, graph, learner.phi, slopes)
    return size - learner.gamma * float(graph.weights[crossing].sum()), ascent


def _within(graph: Graph, members: np.ndarray) -> sparse.csr_matrix:
    """Weights among ``members``, (k, k) symmetric."""
    position = np.full(graph.n, -1)
    position[members] = np.arange(len(members))
    ends = position[graph.edges]
    kept = (ends >= 0).all(axis=1)
    half = sparse.csr_matrix(
        (graph.weights[kept], (ends[kept, 0], ends[kept, 1])), shape=(len(members),) * 2
    )
    return half + half.T


def _orders(pull: np.ndarray, sweeps: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Orders of the members along directions: random ones and the main ones of their pulls."""
    directions = generator.standard_normal((sweeps, pull.shape[1]))
    main = np.linalg.svd(pull, full_matrices=False)[2][:2]
    return [np.argsort(pull @ one, kind="stable") for one in (*main, *directions)]


def _spectral_orders(weights: sparse.csr_matrix) -> list[np.ndarray]:
    """Orders of the members along the slowest eigenvectors of their graph's Laplacian."""
    count = weights.shape[0]
    most = min(_SLOWEST, count - 1)
    laplacian = csgraph.laplacian(weights)
    if count <= _DENSE:
        vectors = linalg.eigh(laplacian.toarray(), subset_by_index=[1, most])[1]
    else:
        # Just below the eigenvalue 0, where the shifted matrix can be factorised.
        shift = -1e-6 * float(laplacian.diagonal().mean())
        start = np.arange(1.0, count + 1)
        _, found = eigsh(laplacian.tocsc(), most + 1, sigma=shift, which="LM", v0=start)
        vectors = found[:, 1:]
    return [np.argsort(vector, kind="stable") for vector in vectors.T]


def _best(
    pull: np.ndarray, weights: sparse.csr_matrix, gamma: float, orders: list[np.ndarray] | None
) -> list[np.ndarray]:
    """Members of the parts with the smallest closed-form size; single points if no orders.

    At most a dozen parts, and of sweeps as many again among those of a quarter or more.
    """
    count = len(pull)
    if orders is None:
        slack = gamma * np.asarray(weights.sum(axis=1)).ravel() - np.linalg.norm(pull, axis=1)
        sizes = np.maximum(slack, 0) * count / (2 * (count - 1))
        return [np.array([one]) for one in np.argsort(sizes, kind="stable")[:_RANKED]]
    found = []
    amount = np.arange(1, count)
    for order in orders:
        sorted_weights = weights[order][:, order]
        # The cut grows by what the next point has to the rest and falls by what it has to S.
        to_before = np.asarray(sparse.tril(sorted_weights, -1).sum(axis=1)).ravel()
        total = np.asarray(sorted_weights.sum(axis=1)).ravel()
        cuts = np.cumsum(total - 2 * to_before)[:-1]
        lengths = np.linalg.norm(np.cumsum(pull[order], axis=0)[:-1], axis=1)
        sizes = np.maximum(gamma * cuts - lengths, 0) * count / (2 * amount * (count - amount))
        chosen = np.argsort(sizes, kind="stable")
        even = chosen[4 * np.minimum(amount, count - amount)[chosen] >= count]
        for last in {*chosen[:2].tolist(), *even[:2].tolist()}:
            found.append((float(sizes[last]), order[: last + 1]))
    found.sort(key=lambda one: one[0])
    return [
        part if 2 * len(part) <= count else np.setdiff1d(np.arange(count), part)
        for _, part in found
    ]
