"""A partition of a point set, cut into what the certificates are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from advlearn.learners.convex.centroid_problem import cluster_means
from advlearn.learners.convex.graph import Graph, by_first_point, check_points, connected
from advlearn.support.errors import UserError


@dataclass(frozen=True, eq=False)
class Cluster:
    """One cluster and the edges inside it.

    Attributes:
        members: (n_a,) numbers of its points, ascending.
        rows: (m_a,) numbers of its edges in the graph.
        edges: (m_a, 2) the same edges as positions in ``members``.
    """

    members: np.ndarray
    rows: np.ndarray
    edges: np.ndarray

    @property
    def complete(self) -> bool:
        """Whether every pair of its points is an edge."""
        return 2 * len(self.edges) == len(self.members) * (len(self.members) - 1)

    @property
    def connected(self) -> bool:
        """Whether its own edges connect it: else no solution has it as a cluster."""
        return not connected(len(self.members), self.edges).any()


@dataclass(frozen=True, eq=False)
class Blocks:
    """Clusters, their means and the pulls between them.

    Attributes:
        points: A, (n, d) float64.
        graph: on the n points.
        labels: (n,) int64, 0..K-1 by first point.
        sizes: n_a, (K,) float64.
        means: mean of each cluster, (K, d).
        pairs: (P, 2) clusters a < b that an edge joins: only they can fuse.
    """

    points: np.ndarray
    graph: Graph
    labels: np.ndarray
    sizes: np.ndarray
    means: np.ndarray
    pairs: np.ndarray

    @property
    def n_clusters(self) -> int:
        """K."""
        return len(self.sizes)

    @cached_property
    def clusters(self) -> list[Cluster]:
        """The K clusters."""
        first, second = self.labels[self.graph.edges].T
        inside = np.flatnonzero(first == second)
        order = inside[np.argsort(first[inside], kind="stable")]
        counts = np.bincount(first[inside], minlength=self.n_clusters)
        rows_of = np.split(order, np.cumsum(counts)[:-1])
        position = np.empty(len(self.labels), dtype=np.int64)
        found = []
        for number, rows in enumerate(rows_of):
            members = np.flatnonzero(self.labels == number)
            position[members] = np.arange(len(members))
            found.append(Cluster(members, rows, position[self.graph.edges[rows]]))
        return found

    @cached_property
    def _gather(self) -> tuple[sparse.csr_array, np.ndarray]:
        """Edge ends that cross: (n K, 2m) sums of edge weights to entries (i, cluster of j)."""
        i, j = self.graph.edges.T
        crossing = np.flatnonzero(self.labels[i] != self.labels[j])
        k = self.n_clusters
        at = np.concatenate(
            [i[crossing] * k + self.labels[j[crossing]], j[crossing] * k + self.labels[i[crossing]]]
        )
        columns = np.concatenate([crossing, crossing])
        shape = (len(self.labels) * k, self.graph.m)
        return sparse.csr_array((np.ones(len(at)), (at, columns)), shape=shape), crossing

    def pulls(self, weights: np.ndarray) -> np.ndarray:
        """w_i^b = sum of ``weights`` (m,) from point i into cluster b, (n, K); own cluster 0."""
        found: np.ndarray = (self._gather[0] @ weights).reshape(len(self.labels), self.n_clusters)
        return found

    def between(self, pulls: np.ndarray) -> np.ndarray:
        """W^ab, (K, K): pulls (n, K) added over each cluster."""
        found: np.ndarray = self._member @ pulls
        return found

    @cached_property
    def _member(self) -> sparse.csr_array:
        """(K, n), 1 where the point is in the cluster."""
        n = len(self.labels)
        return sparse.csr_array(
            (np.ones(n), (self.labels, np.arange(n))), shape=(self.n_clusters, n)
        )


def blocks(points: np.ndarray, labels: np.ndarray, graph: Graph) -> Blocks:
    """Cut a partition into blocks.

    Args:
        points: A, (n, d) finite.
        labels: (n,) integers, any numbering.
        graph: on n points.

    Raises:
        UserError: shapes that do not fit, labels that are no whole numbers, or points that are no
            finite table.
    """
    points = check_points(points)
    labels = np.asarray(labels)
    if not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            "the labels of a partition are whole numbers",
            where=f"labels of type {labels.dtype}",
            remedy="give the labels_ of a clustering",
        )
    if labels.shape != (len(points),) or graph.n != len(points):
        raise UserError(
            "points, labels and graph are not of one size",
            where=f"{len(points)} points, labels of shape {labels.shape}, graph of {graph.n}",
            remedy="give one label a point, and the graph of these points",
        )
    labels = by_first_point(labels)
    count = int(labels.max()) + 1
    ends = np.sort(labels[graph.edges], axis=1)
    joined = np.unique(ends[ends[:, 0] != ends[:, 1]], axis=0).reshape(-1, 2)
    # Certificates do not depend on where the origin is; sums lose fewer digits about the mean.
    points = points - points.mean(axis=0)
    return Blocks(
        points=points,
        graph=graph,
        labels=labels,
        sizes=np.bincount(labels).astype(np.float64),
        means=cluster_means(points, labels, count),
        pairs=joined,
    )
