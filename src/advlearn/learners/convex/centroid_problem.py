"""The centroid problem of a partition: each cluster is one point with a mass.

With n_a points of mean c_a in cluster a and W_ab the sum of the weights between a and b, it is

    min_U 1/2 sum_a n_a |u_a - c_a|^2 + gamma sum_(a<b) W_ab |u_a - u_b|_2

and has the optimum of the whole problem where the clusters are unions of the exact ones' parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from advlearn.learners.convex.graph import Graph
from advlearn.learners.convex.solution import lengths


@dataclass(frozen=True, eq=False)
class CentroidProblem:
    """The centroid problem of one partition.

    Attributes:
        sizes: points of each cluster, (K,) float64.
        means: mean of each cluster, (K, d).
        edges: pairs of clusters that an edge joins, (P, 2) int64, a < b, lexicographic.
        weights: W_ab, (P,).
        crossing: edges of the graph between clusters, (m,) bool.
        pair: row of ``edges`` for each crossing edge, in the order of the graph's edges.
        forward: whether the crossing edge goes from a to b (else from b to a).
    """

    sizes: np.ndarray
    means: np.ndarray
    edges: np.ndarray
    weights: np.ndarray
    crossing: np.ndarray
    pair: np.ndarray
    forward: np.ndarray


def cluster_means(values: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """Mean of the rows (n, d) of each cluster 0..count-1, (count, d)."""
    n = len(labels)
    member = sparse.csr_matrix((np.ones(n), labels, np.arange(n + 1)), shape=(n, count))
    sums: np.ndarray = member.T @ values
    sums /= np.bincount(labels, minlength=count)[:, None]
    return sums


def centroid_problem(points: np.ndarray, graph: Graph, labels: np.ndarray) -> CentroidProblem:
    """The centroid problem of ``labels`` (n,), which are 0..K-1."""
    count = int(labels.max()) + 1
    first, second = labels[graph.edges[:, 0]], labels[graph.edges[:, 1]]
    crossing = first != second
    first, second = first[crossing], second[crossing]
    codes, pair = np.unique(
        np.minimum(first, second) * count + np.maximum(first, second), return_inverse=True
    )
    return CentroidProblem(
        sizes=np.bincount(labels, minlength=count).astype(np.float64),
        means=cluster_means(points, labels, count),
        edges=np.stack([codes // count, codes % count], axis=1),
        weights=np.bincount(pair, graph.weights[crossing], minlength=len(codes)),
        crossing=crossing,
        pair=pair,
        forward=first < second,
    )


def ascent_steps(edges: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Step of dual ascent (`ama`) on each pair (P, 2) of clusters of these sizes (K,): (P,)."""
    degree = np.bincount(edges.ravel(), minlength=len(sizes)) / sizes
    found: np.ndarray = 1 / (degree[edges[:, 0]] + degree[edges[:, 1]])
    return found


def unit_directions(problem: CentroidProblem, centroids: np.ndarray) -> np.ndarray:
    """Unit vectors (x_i - x_j) / |x_i - x_j| of the crossing edges, (crossing edges, d)."""
    differences = centroids[problem.edges[:, 0]] - centroids[problem.edges[:, 1]]
    units = differences / lengths(differences)[:, None]
    signs = np.where(problem.forward, 1.0, -1.0)
    found: np.ndarray = signs[:, None] * units[problem.pair]
    return found
