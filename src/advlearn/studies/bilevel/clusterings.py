"""What the parts of stage bilevel_certify share: the clusterings along the path of a point set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from advlearn.certificates.safest import Clustering
from advlearn.data import clusterpath
from advlearn.data.point_sets import read_points
from advlearn.learners.convex import Graph
from advlearn.studies.bilevel.settings.certify import BilevelCertifyJob
from advlearn.support.checkpoint import Checkpoint

TOLERANCE = 1e-10
"""Relative duality gap of every solution."""


class Clusterings:
    """The clusterings along the path of one point set, and the rows that are computed once."""

    def __init__(
        self, data: Path, path: Path, name: str, job: BilevelCertifyJob, checkpoint: Checkpoint
    ) -> None:
        self.name, self.job, self.checkpoint = name, job, checkpoint
        self.data = read_points(data)
        self.points = self.data.points
        self.path = clusterpath.read_clusterpath(path, len(self.points))

    @cached_property
    def graph(self) -> Graph:
        """The graph of the path."""
        return Graph(len(self.points), self.path.edges, self.path.weights)

    def once(self, name: str, make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """Rows of a table that are computed once, however often the job is killed."""
        return [dict(row) for row in self.checkpoint.once(name, lambda: {"rows": make()})["rows"]]

    def spread_clusterings(self, count: int) -> Iterator[Clustering]:
        """Clusterings of the path with few clusters, at most ``count`` and the chosen one."""
        for row in self.path.spread_rows(count, self.job.certify.max_clusters):
            gamma = float(self.path.gammas[row])
            yield Clustering(self.path.labels[row], self.graph, gamma, self.job.graph.phi)
