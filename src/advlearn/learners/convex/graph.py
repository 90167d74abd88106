"""Weighted graphs of convex clustering: which points pull at each other, and how strongly."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from advlearn.support.errors import UserError

LARGEST = 1e100
"""Largest coordinate: sums of squares must stay far below overflow."""
_SMALLEST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class Graph:
    """An undirected graph on points 0..n-1 with positive weights.

    Attributes:
        n: number of points, at least 1.
        edges: (m, 2) int64, i < j in each row, rows unique and in lexicographic order; m may be 0.
        weights: (m,) float64, finite and > 0.

    Raises:
        UserError: edges or weights that are not of this form.
    """

    n: int
    edges: np.ndarray
    weights: np.ndarray

    def __post_init__(self) -> None:
        edges = np.ascontiguousarray(self.edges, dtype=np.int64).reshape(-1, 2)
        weights = np.ascontiguousarray(self.weights, dtype=np.float64)
        problem = _problem(self.n, edges, weights)
        if problem:
            raise UserError(
                f"no graph of convex clustering: {problem}",
                where=f"{self.n} points, {len(edges)} edges",
                remedy="make the graph by unit_graph, gaussian_graph, knn_graph or from_edges",
            )
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "weights", weights)

    @classmethod
    def from_edges(cls, n: int, edges: np.ndarray, weights: np.ndarray) -> Graph:
        """A graph from edges in any order and direction; weights of repeated edges are added.

        Loops, and edges whose weight is 0 or below the smallest normal number, are dropped.
        """
        edges = np.sort(np.asarray(edges, dtype=np.int64).reshape(-1, 2), axis=1)
        weights = np.asarray(weights, dtype=np.float64)
        codes = edges[:, 0] * n + edges[:, 1]
        unique, inverse = np.unique(codes, return_inverse=True)
        added = np.bincount(inverse, weights=weights, minlength=len(unique))
        pairs = np.stack([unique // n, unique % n], axis=1) if len(unique) else edges
        keep = (pairs[:, 0] != pairs[:, 1]) & ~((added >= 0) & (added < _SMALLEST))
        return cls(n, pairs[keep], added[keep])

    @property
    def m(self) -> int:
        """Number of edges."""
        return len(self.edges)

    def degrees(self) -> np.ndarray:
        """Sum of the weights at each point, (n,)."""
        return np.bincount(self.edges.ravel(), np.repeat(self.weights, 2), minlength=self.n)

    def incidence(self) -> sparse.csr_matrix:
        """The (m, n) matrix B of differences: (B X)_e = x_i - x_j; made once, do not change it."""
        return self._incidence

    def components(self) -> np.ndarray:
        """Connected component of each point, (n,) int64, numbered by first point."""
        return self._components

    def with_weights(self, weights: np.ndarray) -> Graph:
        """The same edges with other weights (m,); edges whose weight is 0 are dropped."""
        weights = np.asarray(weights, dtype=np.float64)
        drop = (weights >= 0) & (weights < _SMALLEST)
        if drop.any():
            return Graph(self.n, self.edges[~drop], weights[~drop])
        return Graph(self.n, self.edges, weights)

    @cached_property
    def _incidence(self) -> sparse.csr_matrix:
        signs = np.tile([1.0, -1.0], self.m)
        starts = np.arange(0, 2 * self.m + 1, 2, dtype=np.int32)
        return sparse.csr_matrix(
            (signs, self.edges.ravel().astype(np.int32), starts), shape=(self.m, self.n)
        )

    @cached_property
    def _components(self) -> np.ndarray:
        return connected(self.n, self.edges)


def connected(n: int, edges: np.ndarray) -> np.ndarray:
    """Connected components of n points under edges (m, 2): (n,) int64, numbered by first point."""
    ones = np.ones(len(edges), dtype=np.int8)
    matrix = sparse.coo_matrix((ones, (edges[:, 0], edges[:, 1])), shape=(n, n))
    return by_first_point(connected_components(matrix, directed=False)[1])


def by_first_point(labels: np.ndarray) -> np.ndarray:
    """The same partition, clusters numbered 0..K-1 in the order of their first points, int64."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def unit_graph(n: int) -> Graph:
    """All pairs of n points with weight 1 (Lindsten et al. 2011, Panahi et al. 2017)."""
    edges = _all_pairs(n)
    return Graph(n, edges, np.ones(len(edges)))


def gaussian_graph(points: np.ndarray, phi: float = 0.5) -> Graph:
    """All pairs of points (n, d) with weights exp(-phi |a_i - a_j|^2) (Chi & Lange 2015).

    Memory grows with n^2. An edge whose weight underflows is left out.

    Warns:
        VanishingWeightsWarning: most points have no neighbour that pulls at them.

    Raises:
        UserError: points that are no finite table, or phi < 0.
    """
    points = check_points(points)
    edges = _all_pairs(len(points))
    return _told(_weighted(points, edges, phi), points, edges, phi)


def knn_graph(points: np.ndarray, k: int = 10, phi: float = 0.5) -> Graph:
    """Pairs of which one is among the k nearest neighbours of the other, Gaussian weights.

    The usual choice on real data (Chi & Lange 2015; Sun, Toh & Yuan 2021). It need not be
    connected: components are never merged. An edge whose weight underflows is left out.

    Args:
        points: (n, d) finite.
        k: neighbours of each point, at least 1; at most n - 1 are taken.
        phi: rate of the weights exp(-phi |a_i - a_j|^2), at least 0 (0: all weights 1).

    Warns:
        VanishingWeightsWarning: most points have no neighbour that pulls at them.

    Raises:
        UserError: points that are no finite table, k < 1 or phi < 0.
    """
    points = check_points(points)
    if k < 1:
        raise UserError(
            "a graph of neighbours needs at least one neighbour a point",
            where=f"k = {k}",
            remedy="take k >= 1",
        )
    n = len(points)
    k = min(k, n - 1)
    if not k:
        return Graph(n, np.empty((0, 2)), np.empty(0))
    # A second, which nobody pays who has a graph already.
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)
    pairs = np.stack([np.repeat(np.arange(n), k), near.ravel()], axis=1)
    pairs.sort(axis=1)
    codes = np.unique(pairs[:, 0] * n + pairs[:, 1])
    edges = np.stack([codes // n, codes % n], axis=1)
    return _told(_weighted(points, edges, phi), points, edges, phi)


def vanishing(graph: Graph) -> float:
    """Share of the points at which no weight is above rounding, 2.2e-16; 0 for a single point.

    Weights of neighbours are of the order of 1. Where they are nothing, as they are for features of
    the size of hundreds, each point is a cluster of its own at every penalty of usual size, and
    that this is the exact solution is no recommendation.
    """
    if graph.n == 1:
        return 0.0
    strongest = np.zeros(graph.n)
    for ends in graph.edges.T:
        np.maximum.at(strongest, ends, graph.weights)
    return float((strongest < np.finfo(np.float64).eps).mean())


class VanishingWeightsWarning(UserWarning):
    """The weights of most points are nothing, so that the clustering is one of single points."""


def vanishing_remedy(points: np.ndarray, edges: np.ndarray) -> str:
    """What to do about weights of points (n, d) on ``edges`` (m, 2) that have vanished."""
    differences = points[edges[:, 0]] - points[edges[:, 1]]
    squares = np.einsum("ij,ij->i", differences, differences)
    nearest = np.full(len(points), np.inf)
    for ends in edges.T:
        np.minimum.at(nearest, ends, squares)
    phi = 0.5 / float(np.median(nearest))
    return (
        "scale each feature to mean 0 and standard deviation 1, or take a smaller phi, for example"
        f" {phi:.1g}, at which the weight of the nearest neighbour is exp(-0.5) in the median"
    )


def _told(graph: Graph, points: np.ndarray, edges: np.ndarray, phi: float) -> Graph:
    """The graph, after a warning where most points have lost their neighbours."""
    share = vanishing(graph)
    if share > 0.5:
        warnings.warn(
            f"the weights exp(-phi distance^2) with phi = {phi:g} are nothing for"
            f" {round(share * graph.n)} of {graph.n} points, which then are clusters of their own:"
            f" {vanishing_remedy(points, edges)}",
            VanishingWeightsWarning,
            stacklevel=3,
        )
    return graph


def reweighted(graph: Graph, points: np.ndarray, phi: float) -> Graph:
    """The edges of ``graph`` with the Gaussian weights of ``points``: topology frozen.

    An edge whose weight underflows is left out.
    """
    return _weighted(check_points(points), graph.edges, phi)


def check_points(points: np.ndarray) -> np.ndarray:
    """``points`` as a contiguous float64 table (n, d).

    Raises:
        UserError: no table, no points, no features, NaN or infinity, or a coordinate above
            `LARGEST`.
    """
    points = np.ascontiguousarray(points, dtype=np.float64)
    if points.ndim != 2 or 0 in points.shape:
        raise UserError(
            "points are a table, one row a point, with at least one row and one column",
            where=f"array of shape {points.shape}",
            remedy="give an array of shape (points, features)",
        )
    good = np.isfinite(points).all(axis=1)
    if not good.all():
        raise UserError(
            f"NaN or infinity in {int((~good).sum())} of {len(good)} points",
            where=f"point {int(np.argmin(good))}",
            remedy="drop or fill these points",
        )
    largest = float(np.abs(points).max())
    if largest > LARGEST:
        raise UserError(
            f"the points are too large: the largest coordinate is {largest:.3g}",
            where=f"points of shape {points.shape}, at most {LARGEST:g}",
            remedy="scale each feature, for example to mean 0 and standard deviation 1",
        )
    return points


def _all_pairs(n: int) -> np.ndarray:
    return np.stack(np.triu_indices(n, 1), axis=1).astype(np.int64)


def _weighted(points: np.ndarray, edges: np.ndarray, phi: float) -> Graph:
    if not (np.isfinite(phi) and phi >= 0):
        raise UserError(
            "weights exp(-phi distance^2) need a finite phi >= 0",
            where=f"phi = {phi}",
            remedy="take phi = 0.5, or 0 for weights that are all 1",
        )
    differences = points[edges[:, 0]] - points[edges[:, 1]]
    weights = np.exp(-phi * np.einsum("ij,ij->i", differences, differences))
    keep = weights >= _SMALLEST
    return Graph(len(points), edges[keep], weights[keep])


def _problem(n: int, edges: np.ndarray, weights: np.ndarray) -> str | None:
    if n < 1:
        return "it has no points"
    if weights.shape != (len(edges),):
        return f"weights of shape {weights.shape}"
    if not len(edges):
        return None
    if edges.min() < 0 or edges.max() >= n:
        return "an edge names a point that is not there"
    if not (edges[:, 0] < edges[:, 1]).all():
        return "an edge is not i < j"
    codes = edges[:, 0] * n + edges[:, 1]
    if not (np.diff(codes) > 0).all():
        return "edges are repeated or out of order"
    if not (np.isfinite(weights).all() and weights.min() > 0):
        return "a weight is not finite and > 0"
    return None
