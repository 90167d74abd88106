"""One changed point that carries others along, after Chhabra, Roy and Mohapatra (AAAI 2020).

The attacker sees labels only and changes a single point near the boundary of two clusters, such
that other points, which nobody touched, change their cluster (the "spill-over"), and such that the
point is no outlier afterwards. The published search is not rebuilt: here points are ranked by how
nearly two cluster means are equally far, and moved along the line between these means, along the
line to points on the other side, and along random turns of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from advlearn.attacks.clustering.common import Problem, cluster_means
from advlearn.support.errors import UserError

__all__ = ["OnePoint", "boundary", "usual_distance"]


@dataclass(frozen=True)
class OnePoint:
    """Move one point near a boundary.

    Args:
        points: how many points are tried, nearest to a boundary first, >= 1.
        directions: how many directions for each, >= 1.
        lengths: shares of the radius that it moves by, each in (0, 1]; where a long way leads past
            everything a shorter one may not.
        low: smallest value a coordinate of the moved point may take, where there is one.
        high: largest such value.
        outliers: quantile of the clean distances to the nearest other point, in [0, 1]; a point
            that would be further from all others than this is left where it is.
    """

    points: int = 3
    directions: int = 3
    lengths: tuple[float, ...] = (1.0, 0.5)
    low: float | None = None
    high: float | None = None
    outliers: float = 1.0

    def __post_init__(self) -> None:
        lengths_ok = self.lengths and all(0 < length <= 1 for length in self.lengths)
        counts_ok = self.points >= 1 and self.directions >= 1
        if not (lengths_ok and counts_ok and 0 <= self.outliers <= 1):
            raise UserError(
                "the one-point attack needs a point, a direction, a length and a quantile",
                where=repr(self),
                remedy="give for example points=8, directions=8, outliers=1",
            )

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """One perturbation for each point, direction and length that makes no outlier."""
        data, budget = problem.data, problem.budget.scaled(tau)
        means = cluster_means(data, problem.before).means
        if len(means) < 2:
            return
        usual = usual_distance(data, self.outliers)
        for index in boundary(data, means)[: self.points]:
            for direction in self._directions(data, means, int(index), generator):
                for length in self.lengths:
                    moved = data[index] + length * tau * direction
                    if self.low is not None or self.high is not None:
                        moved = np.clip(moved, self.low, self.high)
                    if _inlier(data, int(index), moved, usual):
                        perturbation = np.zeros_like(data)
                        perturbation[index] = moved - data[index]
                        yield budget.project(perturbation)

    def _directions(
        self, data: np.ndarray, means: np.ndarray, index: int, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """Unit vectors: to the other mean, to points near it, and turned at random."""
        order = np.argsort(np.linalg.norm(means - data[index], axis=1), kind="stable")
        across = _unit(means[order[1]] - means[order[0]])
        yield across
        nearer = np.linalg.norm(data - means[order[1]], axis=1) < np.linalg.norm(
            data - means[order[0]], axis=1
        )
        others = np.flatnonzero(nearer)
        for number in range(1, self.directions):
            if number % 2 and len(others):
                yield _unit(data[generator.choice(others)] - data[index])
            else:
                turn = np.asarray(generator.standard_normal(data.shape[1]))
                yield _unit(across + _unit(turn))


def boundary(points: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Indices (n,), those first whose two nearest ``means`` (K, d) are most nearly equally far."""
    nearest = np.sort(cdist(points, means), axis=1)
    return np.argsort(nearest[:, 1] - nearest[:, 0], kind="stable")


def usual_distance(points: np.ndarray, quantile: float) -> float:
    """Quantile of the distances of points (n, d) to their nearest other point."""
    apart = cdist(points, points)
    np.fill_diagonal(apart, np.inf)
    return float(np.quantile(apart.min(axis=1), quantile))


def _inlier(points: np.ndarray, index: int, moved: np.ndarray, usual: float) -> bool:
    distances = np.linalg.norm(points - moved, axis=1)
    distances[index] = np.inf
    return bool(distances.min() <= usual)


def _unit(vector: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector / (length if length > 0 else 1.0)
