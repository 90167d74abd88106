"""Merge two clusters: push their centroids together by the exact hypergradient.

Derived here. The distance of two centroids of convex clustering has the derivatives of
:mod:`advlearn.attacks.clustering.gradient`; Frank-Wolfe steps bring it to 0, where the clusters are
one. Of two clusters with fixed weights and a budget for each point the smallest size is known,

    epsilon = (|mean_1 - mean_2| - gamma W (1/n_1 + 1/n_2)) / 2

and is attained by moving both rigidly towards each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from advlearn.attacks.clustering.common import (
    Problem,
    WhiteBoxView,
    frank_wolfe_step,
    nearest_pairs,
)
from advlearn.learners.convex import Solution
from advlearn.learners.convex.graph import Graph

__all__ = ["Merge", "connected_pairs"]

_TOUCHING = 1e-9


@dataclass(frozen=True)
class Merge:
    """Push the centroids of neighbouring clusters together.

    Args:
        pairs: how many pairs of clusters are tried: the largest and the nearest ones.
        steps: most Frank-Wolfe steps for a pair; each solves the clustering once.
    """

    pairs: int = 2
    steps: int = 4

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """For each pair the perturbation that brought its centroids nearest.

        Raises:
            UserError: the learner is no convex clustering.
        """
        clean = WhiteBoxView.at(problem, "merge")
        budget = problem.budget.scaled(tau)
        for first, second in connected_pairs(clean.solution, clean.graph, self.pairs):
            # +1/n on one cluster, -1/n on the other: the difference of means, however X splits.
            signs = (clean.solution.labels == first).astype(np.float64)
            signs /= signs.sum()
            other = (clean.solution.labels == second).astype(np.float64)
            signs -= other / other.sum()
            best = perturbation = np.zeros_like(problem.data)
            view, nearest = clean, np.inf
            start = float(np.linalg.norm(signs @ clean.solution.points_hat))
            for step in range(self.steps + 1):
                apart = signs @ view.solution.points_hat
                distance = float(np.linalg.norm(apart))
                if distance < nearest:
                    best, nearest = perturbation, distance
                if step == self.steps or distance <= _TOUCHING * start:
                    break
                slope = view.slope(np.outer(signs, apart / distance))
                goal = budget.epsilon * budget.maximiser(-slope)
                fall = -float(np.vdot(slope, goal - perturbation))
                if fall <= 0:
                    break
                # No further than the linear model says, but for a margin: beyond, they would pass
                # through each other.
                length = min(1.0 if step == 0 else 2 / (step + 2), 1.05 * distance / fall)
                perturbation = frank_wolfe_step(budget, perturbation, -slope, length)
                view = WhiteBoxView.at(problem, "merge", perturbation)
            yield best


def connected_pairs(solution: Solution, graph: Graph, count: int) -> list[tuple[int, int]]:
    """Pairs of clusters that an edge joins, as :func:`nearest_pairs`; no others can ever merge."""
    ends = solution.labels[graph.edges]
    joined = np.unique(np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1), axis=0)
    return nearest_pairs(solution.centroids, np.bincount(solution.labels), count, joined)
