"""What the attacks on clusterings share: the white-box view, cluster means, steps in a budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from advlearn.attacks.clustering.gradient import exact
from advlearn.budgets.points import PointBudget
from advlearn.learners.convex import Graph, Solution
from advlearn.learners.partitioners import ConvexPartitioner
from advlearn.problem import BilevelProblem
from advlearn.support.errors import UserError

Problem = BilevelProblem[Any]

__all__ = [
    "Means",
    "Problem",
    "WhiteBoxView",
    "best_and_smallest",
    "cluster_means",
    "convex_learner",
    "frank_wolfe_step",
    "nearest_pairs",
]


def convex_learner(problem: Problem, method: str) -> ConvexPartitioner:
    """The problem's learner, whose gradients ``method`` needs.

    Raises:
        UserError: the learner is no convex clustering.
    """
    learner = problem.learner
    if not isinstance(learner, ConvexPartitioner):
        raise UserError(
            f"the attack {method} needs the derivatives of convex clustering",
            where=f"learner {type(learner).__name__}",
            remedy="use noise, transfer, genetic, cma_es or one_point, which see labels only",
        )
    return learner


@dataclass(frozen=True)
class WhiteBoxView:
    """Convex clustering of perturbed points, as a white-box attacker sees it.

    Attributes:
        points: A + E (n, d).
        graph: with the weights these points give.
        solution: of the clustering.
    """

    learner: ConvexPartitioner
    points: np.ndarray
    graph: Graph
    solution: Solution

    @classmethod
    def at(
        cls, problem: Problem, method: str, perturbation: np.ndarray | None = None
    ) -> WhiteBoxView:
        """Solve for the perturbed points, which counts as a query; the clean ones cost none.

        Raises:
            UserError: the learner is no convex clustering.
        """
        learner = convex_learner(problem, method)
        points = problem.data
        if perturbation is not None:
            problem.after(perturbation)
            points = points + perturbation
        return cls(learner, points, learner.graph_at(points), learner.solve(points))

    def slope(self, gradient: np.ndarray) -> np.ndarray:
        """dl/dA (n, d) of a loss with dl/dX = ``gradient``, weights following if they do."""
        found = exact(
            self.solution.labels,
            self.solution.centroids,
            self.graph,
            self.learner.gamma,
            gradient,
            tol=1e-8,
        )
        if self.learner.weights == "fixed":
            return found.points
        return found.recomputed(self.points, self.graph, self.learner.phi)


class Means(NamedTuple):
    """Clusters of a partition, by label; noise (-1) is not a cluster.

    Attributes:
        means: (K, d).
        names: label of each, (K,).
        sizes: points in each, (K,).
    """

    means: np.ndarray
    names: np.ndarray
    sizes: np.ndarray


def cluster_means(points: np.ndarray, labels: np.ndarray) -> Means:
    """Mean, label and size of each cluster of points (n, d) with ``labels`` (n,)."""
    names, sizes = np.unique(labels[labels >= 0], return_counts=True)
    means = [points[labels == name].mean(axis=0) for name in names]
    return Means(np.array(means).reshape(len(names), points.shape[1]), names, sizes)


def nearest_pairs(
    means: np.ndarray, sizes: np.ndarray, count: int, joined: np.ndarray | None = None
) -> list[tuple[int, int]]:
    """``count`` pairs (i < j) of clusters: the pair that moves most points, then nearest first.

    Of a pair, the smaller cluster is what changes its place when the two become one: where all near
    pairs are those of single points, the largest pair is what a large effect needs.

    Args:
        means: (K, d).
        sizes: (K,) points in each cluster.
        count: how many, >= 1; fewer where there are no more.
        joined: (p, 2) the pairs that there are; all by default.
    """
    pairs = np.stack(np.triu_indices(len(means), 1), axis=1) if joined is None else joined
    if not len(pairs):
        return []
    apart = np.linalg.norm(means[pairs[:, 0]] - means[pairs[:, 1]], axis=1)
    order = np.argsort(apart, kind="stable")
    largest = order[int(sizes[pairs[order]].min(axis=1).argmax())]
    chosen = [int(largest), *(int(one) for one in order if one != largest)][:count]
    return [(int(pairs[one, 0]), int(pairs[one, 1])) for one in chosen]


def frank_wolfe_step(
    budget: PointBudget, perturbation: np.ndarray, ascent: np.ndarray, step: float
) -> np.ndarray:
    """A Frank-Wolfe step of length ``step`` in [0, 1] to the best vertex along ``ascent``.

    Projected, since a budget of few points is not convex; elsewhere that changes rounding alone.
    """
    vertex = budget.epsilon * budget.maximiser(ascent)
    return budget.project(perturbation + step * (vertex - perturbation))


def best_and_smallest(
    problem: Problem, tried: Sequence[tuple[float, np.ndarray]]
) -> Iterator[np.ndarray]:
    """Of perturbations with their effects the best, and the smallest of those that had an effect.

    The problem decides by effect and size, so both ends of the trade are shown to it.
    """
    effects = np.array([effect for effect, _ in tried])
    best = int(effects.argmax())
    yield tried[best][1]
    touched = np.flatnonzero(effects > problem.clean_effect)
    if len(touched):
        smallest = min(touched.tolist(), key=lambda place: problem.budget.size(tried[place][1]))
        if smallest != best:
            yield tried[smallest][1]
