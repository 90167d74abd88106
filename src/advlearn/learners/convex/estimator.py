"""Convex clustering as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import validate_data

from advlearn.learners.convex.graph import Graph, gaussian_graph, knn_graph, unit_graph
from advlearn.learners.convex.solver import MAX_ITER, solve
from advlearn.support.errors import unknown_name

WEIGHTS = ("knn", "gaussian", "unit")


class ConvexClustering(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Convex (sum-of-norms) clustering; the number of clusters follows from ``gamma``.

    Args:
        gamma: penalty, > 0; larger values merge more.
        weights: "knn" (Gaussian weights on neighbours; memory linear in n), "gaussian" (all
            pairs) or "unit" (all pairs, weight 1).
        n_neighbors: neighbours of each point for "knn"; at most n - 1 are taken.
        phi: rate of the Gaussian weights exp(-phi distance^2), >= 0.
        solver: "auto", "ama", "newton" or "clarabel" (`solve`).
        tol: relative duality gap, in (0, 1).
        max_iter: most steps of the first-order method.

    Attributes:
        labels_: (n,) int64, clusters 0..K-1 by first point.
        centroids_: (K, d).
        n_iter_: steps of the solver.
        gap_: relative duality gap of the solution.
        certified_: a flow proves that the exact solution has these labels.
        graph_: the graph that was used.
        n_features_in_: d.
    """

    def __init__(
        self,
        gamma: float = 1.0,
        *,
        weights: str = "knn",
        n_neighbors: int = 10,
        phi: float = 0.5,
        solver: str = "auto",
        tol: float = 1e-8,
        max_iter: int = MAX_ITER,
    ) -> None:
        self.gamma = gamma
        self.weights = weights
        self.n_neighbors = n_neighbors
        self.phi = phi
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: Any, y: Any = None) -> ConvexClustering:
        """Cluster the points ``X`` (n, d); ``y`` is ignored.

        Warns:
            VanishingWeightsWarning: the weights of most points are nothing, since the features are
                large for ``phi``: the clustering is one of single points.

        Raises:
            UserError: a parameter out of its range.
            ValueError: ``X`` is no finite table of numbers.
        """
        points = np.asarray(validate_data(self, X, dtype=np.float64))
        found = solve(
            points,
            self._graph(points),
            self.gamma,
            solver=self.solver,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        self.labels_ = found.labels
        self.centroids_ = found.centroids
        self.n_iter_ = max(1, found.iterations)
        self.gap_ = found.gap
        self.certified_ = found.certified
        return self

    def _graph(self, points: np.ndarray) -> Graph:
        if self.weights == "knn":
            self.graph_ = knn_graph(points, self.n_neighbors, self.phi)
        elif self.weights == "gaussian":
            self.graph_ = gaussian_graph(points, self.phi)
        elif self.weights == "unit":
            self.graph_ = unit_graph(len(points))
        else:
            raise unknown_name("weights", self.weights, list(WEIGHTS), where="argument weights")
        return self.graph_
