"""Clusterings as lower levels: functions from points (n, d) to labels (n,).

A partitioner has its settings fixed before the attack: the number of clusters for those algorithms
that take one, radius and sizes for the others, graph and penalty for convex clustering. It is
deterministic, and runs on one thread: sums in another order would move points that lie on a border.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np
from sklearn.cluster import DBSCAN, KMeans, SpectralClustering
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import ThreadpoolController

from advlearn.learners.clusterers import agglomerative
from advlearn.learners.convex import Solution, solve
from advlearn.learners.convex.graph import Graph, check_points, reweighted
from advlearn.learners.convex.resistant import ResistantSolution, solve_resistant
from advlearn.support.errors import UserError, unknown_name

Partitioner = Callable[[np.ndarray], np.ndarray]
"""Points (n, d) -> labels (n,) int64; -1 is noise."""
Weights = Literal["fixed", "recomputed"]

__all__ = [
    "PARTITIONERS",
    "ConvexPartitioner",
    "Partitioner",
    "ResistantPartitioner",
    "Weights",
    "build",
    "matched_partitioner",
]

_REMEMBERED = 4


@dataclass(frozen=True, eq=False)
class ConvexPartitioner:
    """Convex clustering whose edges are frozen.

    Args:
        graph: the edges, and the weights where these are fixed.
        gamma: the penalty, > 0.
        weights: ``fixed``, or ``recomputed`` as exp(-phi |a_i - a_j|^2) from whatever points come.
        phi: rate of the recomputed weights.
        tol: relative duality gap of the solver.
        start: solution to start every solve from, always the same one: so that the result does not
            depend on what was solved before.
    """

    graph: Graph
    gamma: float
    weights: Weights = "fixed"
    phi: float = 0.5
    tol: float = 1e-10
    start: Solution | None = None
    _labels: dict[bytes, np.ndarray] = field(default_factory=dict, init=False, repr=False)
    _solutions: dict[bytes, Solution] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.weights not in ("fixed", "recomputed"):
            raise unknown_name(
                "treatment of weights", self.weights, ["fixed", "recomputed"], where="key 'weights'"
            )

    def graph_at(self, points: np.ndarray) -> Graph:
        """The graph that the points (n, d) are clustered with."""
        if self.weights == "fixed":
            return self.graph
        return reweighted(self.graph, points, self.phi)

    def solve(self, points: np.ndarray) -> Solution:
        """The solution for the points (n, d), exact up to ``tol``; the last few are remembered."""
        points = check_points(points)
        key = _digest(points)
        if (known := self._solutions.get(key)) is not None:
            return known
        graph = self.graph_at(points)
        # An edge whose weight underflowed is gone, and its row of the dual with it.
        start = self.start if self.start and len(self.start.dual) == graph.m else None
        with _one_thread():
            found = solve(points, graph, self.gamma, tol=self.tol, start=start)
        if len(self._solutions) >= _REMEMBERED:
            del self._solutions[next(iter(self._solutions))]
        self._solutions[key] = found
        self._labels[key] = found.labels
        return found

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Labels (n,) of the points; all labels ever found are remembered."""
        points = check_points(points)
        known = self._labels.get(_digest(points))
        return self.solve(points).labels if known is None else known


@dataclass(frozen=True, eq=False)
class ResistantPartitioner:
    """Resistant convex clustering (:mod:`advlearn.learners.convex.resistant`) on frozen edges.

    Args:
        graph: the edges, with the weights of the clean points.
        gamma: the penalty, > 0.
        threshold: residual from which on the loss is linear, > 0.
        phi: rate of the weights, which are recomputed from whatever points come.
        tol: relative duality gap of the solver.
        start: solution to start every solve from, always the same one.
    """

    graph: Graph
    gamma: float
    threshold: float
    phi: float = 0.5
    tol: float = 1e-7
    start: ResistantSolution | None = None
    _labels: dict[bytes, np.ndarray] = field(default_factory=dict, init=False, repr=False)

    def solve(self, points: np.ndarray) -> ResistantSolution:
        """The solution for the points (n, d), exact up to ``tol``."""
        points = check_points(points)
        graph = reweighted(self.graph, points, self.phi)
        start = self.start if self.start and len(self.start.solution.dual) == graph.m else None
        with _one_thread():
            return solve_resistant(
                points, graph, self.gamma, self.threshold, tol=self.tol, start=start
            )

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Labels (n,) of the points; all labels ever found are remembered."""
        points = check_points(points)
        key = _digest(points)
        if key not in self._labels:
            self._labels[key] = self.solve(points).solution.labels
        return self._labels[key]


@dataclass(frozen=True)
class _KMeans:
    """k-means (Lloyd 1982) from k-means++ starts (Arthur & Vassilvitskii 2007)."""

    n_clusters: int
    seed: int = 0
    starts: int = 4

    def __call__(self, points: np.ndarray) -> np.ndarray:
        points = _checked(points, self.n_clusters)
        model = KMeans(self.n_clusters, n_init=self.starts, random_state=self.seed)
        with _one_thread(), warnings.catch_warnings():
            # Fewer distinct points than clusters: fewer labels, which the deviation sees.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return _as_int_labels(model.fit_predict(points))


@dataclass(frozen=True)
class _Ward:
    """Agglomerative clustering with Ward's linkage (1963)."""

    n_clusters: int

    def __call__(self, points: np.ndarray) -> np.ndarray:
        points = _checked(points, self.n_clusters)
        return _as_int_labels(agglomerative.cut(agglomerative.linkage(points), self.n_clusters))


@dataclass(frozen=True)
class _Spectral:
    """Normalised spectral clustering of a k-NN graph, read by pivoted QR (Damle et al. 2019)."""

    n_clusters: int
    n_neighbors: int = 10
    seed: int = 0

    def __call__(self, points: np.ndarray) -> np.ndarray:
        points = _checked(points, self.n_clusters)
        if len(points) <= self.n_clusters + 1:  # too few for the eigenvectors that are needed
            return _Ward(self.n_clusters)(points)
        model = SpectralClustering(
            self.n_clusters,
            affinity="nearest_neighbors",
            n_neighbors=min(self.n_neighbors, len(points) - 1),
            assign_labels="cluster_qr",
            random_state=self.seed,
        )
        with _one_thread(), warnings.catch_warnings():
            # Components that are not connected are clusters of their own, which is right.
            warnings.filterwarnings("ignore", message="Graph is not fully connected")
            return _as_int_labels(model.fit_predict(points))


@dataclass(frozen=True)
class _Dbscan:
    """DBSCAN (Ester et al. 1996)."""

    eps: float
    min_samples: int = 5

    def __call__(self, points: np.ndarray) -> np.ndarray:
        points = _checked(points)
        return _as_int_labels(
            DBSCAN(eps=self.eps, min_samples=self.min_samples).fit_predict(points)
        )


@dataclass(frozen=True)
class _Hdbscan:
    """HDBSCAN (Campello et al. 2013) by the hdbscan package."""

    min_cluster_size: int = 5
    min_samples: int | None = None

    def __call__(self, points: np.ndarray) -> np.ndarray:
        import hdbscan  # as slow to load as all the rest together

        points = _checked(points)
        if len(points) < 3:  # hdbscan builds no tree of so few points: nothing is dense
            return np.full(len(points), -1, dtype=np.int64)
        model = hdbscan.HDBSCAN(
            min_cluster_size=self.min_cluster_size,
            min_samples=min(self.min_samples or self.min_cluster_size, len(points) - 1),
            core_dist_n_jobs=1,
            approx_min_span_tree=False,
        )
        return _as_int_labels(model.fit_predict(points))


PARTITIONERS: dict[str, Callable[..., Partitioner]] = {
    "convex": ConvexPartitioner,
    "resistant": ResistantPartitioner,
    "kmeans": _KMeans,
    "ward": _Ward,
    "spectral": _Spectral,
    "dbscan": _Dbscan,
    "hdbscan": _Hdbscan,
}
"""What each name builds; ``build(name, **settings)`` passes the settings on."""


def build(name: str, **settings: Any) -> Partitioner:
    """The partitioner of that name.

    Args:
        name: ``convex`` (graph, gamma, weights, phi, tol, start), ``resistant`` (graph, gamma,
            threshold, phi, tol, start), ``kmeans`` (n_clusters, seed, starts), ``ward``
            (n_clusters), ``spectral`` (n_clusters, n_neighbors, seed), ``dbscan`` (eps,
            min_samples) or ``hdbscan`` (min_cluster_size, min_samples).
        **settings: of the named one.

    Raises:
        UserError: no such partitioner, or a setting that it has not.
    """
    if name not in PARTITIONERS:
        raise unknown_name(
            "partitioner", name, list(PARTITIONERS), where=f"key 'name', value {name!r}"
        )
    try:
        return PARTITIONERS[name](**settings)
    except TypeError as error:
        raise UserError(
            f"the partitioner {name} cannot be built: {error}",
            where=f"settings {', '.join(sorted(settings)) or '(none)'}",
            remedy="the docstring of advlearn.learners.partitioners.build lists the settings",
        ) from error


def matched_partitioner(
    name: str, points: np.ndarray, n_clusters: int, *, seed: int = 0
) -> Partitioner:
    """A partitioner that finds, as far as it can, ``n_clusters`` clusters in ``points`` (n, d).

    K-means, Ward and spectral clustering take the number. For DBSCAN the radius and for HDBSCAN the
    smallest cluster are searched on a grid: of those settings whose number of clusters is nearest,
    the one with the fewest noise points. Nobody looks at the true classes.

    Raises:
        UserError: no such partitioner, ``convex`` or ``resistant`` (which need a graph), or too few
            points.
    """
    points = _checked(points, n_clusters)
    if name in ("kmeans", "spectral"):
        return build(name, n_clusters=n_clusters, seed=seed)
    if name == "ward":
        return build(name, n_clusters=n_clusters)
    if name == "dbscan":
        candidates = [build(name, eps=eps) for eps in _radii(points)]
    elif name == "hdbscan":
        candidates = [
            build(name, min_cluster_size=size, min_samples=5)
            for size in _sizes(len(points), n_clusters)
        ]
    else:
        raise unknown_name(
            "partitioner without a graph",
            name,
            [known for known in PARTITIONERS if known not in ("convex", "resistant")],
            where=f"key 'name', value {name!r}",
        )

    def misfit(candidate: Partitioner) -> tuple[int, int]:
        labels = candidate(points)
        return abs(int(labels.max()) + 1 - n_clusters), int((labels < 0).sum())

    return min(candidates, key=misfit)


def _radii(points: np.ndarray, min_samples: int = 5) -> list[float]:
    """Radii round which DBSCAN's core points change: quantiles of the distance to the last one."""
    near = NearestNeighbors(n_neighbors=min(min_samples, len(points))).fit(points)
    distances = near.kneighbors(points)[0][:, -1]
    top = float(distances.max())
    if not top:
        raise UserError(
            "no radius of DBSCAN can be derived: every point has its like",
            where=f"{len(points)} points",
            remedy="drop points that are repeated",
        )
    radii = np.quantile(distances, np.linspace(0.5, 1.0, 16), method="inverted_cdf")
    # Beyond the largest of them everything is a core point, and clusters still merge.
    return sorted({float(radius) for radius in radii if radius > 0} | {1.25 * top, 1.5 * top})


def _sizes(n: int, n_clusters: int) -> list[int]:
    """Smallest clusters from 5 points to half of an equal share."""
    largest = max(5, n // (2 * n_clusters))
    return sorted({round(float(size)) for size in np.geomspace(5, largest, 8)})


def _checked(points: np.ndarray, n_clusters: int = 1) -> np.ndarray:
    points = check_points(points)
    if not 1 <= n_clusters <= len(points):
        raise UserError(
            "there must be between one cluster and as many as there are points",
            where=f"{n_clusters} clusters of {len(points)} points",
            remedy="give another number of clusters",
        )
    return points


def _as_int_labels(labels: np.ndarray) -> np.ndarray:
    return np.asarray(labels, dtype=np.int64)


@cache
def _controller() -> Any:
    # Searching the process for its libraries takes longer than most clusterings here.
    return ThreadpoolController()


def _one_thread() -> AbstractContextManager[Any]:
    limited: AbstractContextManager[Any] = _controller().limit(limits=1)
    return limited


def _digest(points: np.ndarray) -> bytes:
    return hashlib.blake2b(points.tobytes(), digest_size=16).digest()
