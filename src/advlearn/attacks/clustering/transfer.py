"""Move a group of points from one cluster to another: those that are nearest to it already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from advlearn.attacks.clustering.common import Problem, cluster_means, nearest_pairs

__all__ = ["Transfer", "displacement"]


@dataclass(frozen=True)
class Transfer:
    """Carry groups of points towards the mean of a neighbouring cluster; labels only.

    Args:
        pairs: how many pairs of clusters are tried, each in both directions: the largest and the
            nearest ones.
        groups: how many sizes of the group, from one point to half of the cluster, in powers.
        count: size of the one group that is tried instead.
    """

    pairs: int = 2
    groups: int = 3
    count: int | None = None

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """For each pair, direction and size of the group one perturbation of size <= ``tau``."""
        means, names, sizes = cluster_means(problem.data, problem.before)
        budget = problem.budget.scaled(tau)
        seen: set[bytes] = set()
        for pair in nearest_pairs(means, sizes, self.pairs):
            for source, target in (pair, pair[::-1]):
                members = np.flatnonzero(problem.before == names[source])
                for count in self._counts(len(members)):
                    way = displacement(problem.data, members, means[target], count)
                    # A small radius leaves some groups with the same points on the move.
                    moved = budget.project(way)
                    if (key := moved.tobytes()) not in seen:
                        seen.add(key)
                        yield moved

    def _counts(self, size: int) -> list[int]:
        if self.count is not None:
            return [min(self.count, size)]
        half = max(1, size // 2)
        return sorted({round(float(one)) for one in np.geomspace(1, half, self.groups)})


def displacement(
    points: np.ndarray, members: np.ndarray, target: np.ndarray, count: int
) -> np.ndarray:
    """E (n, d) that carries the ``count`` of ``members`` nearest to ``target`` onto it.

    The group moves as one, its mean onto the target: so it arrives as tight as it left.
    """
    distance = np.linalg.norm(points[members] - target, axis=1)
    group = members[np.argsort(distance, kind="stable")[:count]]
    moved = np.zeros_like(points)
    moved[group] = target - points[group].mean(axis=0)
    return moved
