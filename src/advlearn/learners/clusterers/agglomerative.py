"""Agglomerative clustering with Ward's linkage: one linkage, cut at every cluster number.

fastcluster's ``linkage_vector`` (Müllner 2013) keeps the points and no distance matrix, so memory
grows with n, not with its square.
"""

from __future__ import annotations

import numpy as np

from advlearn.learners.clusterers import Once, each_time
from advlearn.settings.cluster import AgglomerativeSettings, SettingName, setting_name
from advlearn.support.progress import Progress


def fit(
    embedding: np.ndarray, settings: AgglomerativeSettings, seed: int, once: Once = each_time
) -> dict[SettingName, np.ndarray]:
    """Labels (n,) for each cluster number of ``settings``; ``embedding`` is (n, d).

    No randomness, the seed is not used.
    """
    progress = Progress("cluster agglomerative", len(settings.n_clusters), "cluster numbers")
    tree = once("linkage", lambda: linkage(embedding))
    labels = {}
    for number in settings.n_clusters:
        labels[setting_name(n_clusters=number)] = cut(tree, number)
        progress.advance()
    return labels


def linkage(embedding: np.ndarray) -> np.ndarray:
    """Ward's tree of (n, d) points: (n - 1, 2) merged nodes, in the order of their heights.

    Nodes 0..n-1 are points, row i forms node n + i (Ward 1963).
    """
    if len(embedding) < 2:
        return np.empty((0, 2), dtype=np.int64)
    import fastcluster  # not of the library's needs, whose attacks on clusterings come past here

    rows = fastcluster.linkage_vector(np.array(embedding, dtype=np.float64), method="ward")
    merged: np.ndarray = rows[:, :2].astype(np.int64)
    return merged


def cut(tree: np.ndarray, n_clusters: int) -> np.ndarray:
    """Labels (n,) in 0..n_clusters-1 after the first n - n_clusters merges of ``tree``."""
    n = len(tree) + 1
    merges = n - n_clusters
    parent = np.arange(n + merges)
    parent[tree[:merges].ravel()] = np.repeat(np.arange(n, n + merges), 2)
    # Pointer jumping: each round halves the way to the root, and no Python loop over points.
    while True:
        above = parent[parent]
        if np.array_equal(above, parent):
            break
        parent = above
    _, labels = np.unique(parent[:n], return_inverse=True)
    return labels
