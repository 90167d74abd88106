"""The lower level that the stages attack: a point set, its clean clustering, the unit of radii."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.spatial.distance import pdist

from advlearn.attacks.clustering.common import cluster_means
from advlearn.budgets.points import FewPoints, Frobenius, LInf, PerPoint, PointBudget
from advlearn.learners.convex import Graph, Solution, solve
from advlearn.learners.partitioners import ConvexPartitioner, ResistantPartitioner, Weights
from advlearn.support.errors import UserError, unknown_name

__all__ = ["AttackedClustering", "build_budget"]

TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class AttackedClustering:
    """Points, the frozen graph and the penalty of the clustering that is attacked.

    Args:
        points: (n, d).
        graph: of the clean points.
        gamma: penalty.
        phi: decay of recomputed weights.
    """

    points: np.ndarray
    graph: Graph
    gamma: float
    phi: float

    @cached_property
    def unit(self) -> float:
        """Half the smallest distance of two cluster means of the clean clustering.

        Raises:
            UserError: the clustering has one cluster.
        """
        means = cluster_means(self.points, self.learner("fixed")(self.points)).means
        if len(means) < 2:
            raise UserError(
                "a clustering with one cluster gives attacks no unit of size",
                where=f"gamma {self.gamma:g}, {len(self.points)} points",
                remedy="take a smaller gamma, at which there are at least two clusters",
            )
        return 0.5 * float(pdist(means).min())

    def learner(self, weights: Weights) -> ConvexPartitioner:
        """Convex clustering with exact solutions, started from the clean one."""
        return ConvexPartitioner(
            self.graph, self.gamma, weights, self.phi, TOLERANCE, start=self._solution
        )

    def resistant(self, outlying: float) -> ResistantPartitioner:
        """Resistant clustering on the same edges, penalty and rate, weights recomputed.

        Args:
            outlying: share of the entries of the clean points whose distance to their centroid by
                plain clustering is beyond the threshold, in (0, 1).

        Raises:
            UserError: so few entries are away from their centroid that the threshold would be 0.
        """
        residual = np.abs(self.points - self._solution.points_hat)
        threshold = float(np.quantile(residual, 1 - outlying))
        if threshold == 0:
            raise UserError(
                "most points are centroids of their own, so there is no threshold of outliers",
                where=f"share of outlying entries {outlying:g}, gamma {self.gamma:g}",
                remedy="take a larger share, or a larger gamma",
            )
        clean = ResistantPartitioner(self.graph, self.gamma, threshold, self.phi)
        return replace(clean, start=clean.solve(self.points))

    @cached_property
    def _solution(self) -> Solution:
        return solve(self.points, self.graph, self.gamma, tol=TOLERANCE)


def build_budget(name: str, tau: float, shape: tuple[int, int]) -> PointBudget:
    """The budget of that name that reaches as far as ``tau`` for every point does.

    ``frobenius``: tau sqrt(n), which allows every point to move by tau; ``linf``: tau / sqrt(d), of
    which no point moves further than tau; ``few_points_K``: K points by tau.

    Raises:
        UserError: no such budget.
    """
    n, d = shape
    if name == "per_point":
        return PerPoint(tau)
    if name == "frobenius":
        return Frobenius(tau * math.sqrt(n))
    if name == "linf":
        return LInf(tau / math.sqrt(d))
    kind, _, count = name.rpartition("_")
    if kind == "few_points" and count.isdecimal():
        return FewPoints(tau, int(count))
    raise unknown_name(
        "budget", name, ["per_point", "frobenius", "linf", "few_points_K"], where=f"{name!r}"
    )
