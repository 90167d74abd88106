"""The partitions along a clusterpath: their sizes, and the one that is attacked."""

from __future__ import annotations

from itertools import groupby

import numpy as np

from advlearn.studies.bilevel.settings.path import PathSettings

__all__ = ["choose", "joined", "sizes_of"]


def sizes_of(labels: np.ndarray) -> str:
    """Points of each cluster of labels (n,), largest first, joined by plus signs."""
    return "+".join(map(str, sorted(np.bincount(labels).tolist(), reverse=True)))


def joined(labels: np.ndarray, edges: np.ndarray) -> int:
    """How many of the edges (m, 2) run between two clusters of labels (n,).

    With none, every cluster is a union of components of the graph: no gamma, however large, and no
    perturbation, as long as the graph is the same, fuses two of them.
    """
    first, second = labels[edges].T
    return int(np.count_nonzero(first != second))


def choose(
    labels: np.ndarray, edges: np.ndarray, n_classes: int | None, settings: PathSettings
) -> tuple[int, int] | None:
    """The longest run of equal rows with the wanted clusters.

    Wanted are partitions that have edges between their clusters: with as many clusters as classes,
    else with a number in ``n_clusters``. Where there are none, the same among all partitions, and
    then any number between 1 and n. All that is asked first of partitions without a small cluster.

    Args:
        labels: (g, n) one partition a gamma, clusters numbered by first point.
        edges: (m, 2) of the graph.
        n_classes: number of clusters wanted, or none.
        settings: ``n_clusters``: fewest and most where there is no gamma with the wanted number;
            ``smallest``: share of the points that every cluster should hold.

    Returns:
        Its first and last row, the first of the longest runs if several are as long; none when
        every row is one cluster or n.
    """
    n = labels.shape[1]
    runs: list[tuple[np.ndarray, int, int]] = []
    start = 0
    for _, group in groupby(row.tobytes() for row in np.ascontiguousarray(labels)):
        length = sum(1 for _ in group)
        runs.append((np.bincount(labels[start]), start, length))
        start += length
    several = [run for run in runs if 1 < len(run[0]) < n]
    even = [run for run in several if run[0].min() >= settings.smallest * n]
    low, high = settings.n_clusters
    for among in (even, several):
        tied = [run for run in among if joined(labels[run[1]], edges)]
        for wanted in (
            [run for run in tied if len(run[0]) == n_classes],
            [run for run in tied if low <= len(run[0]) <= high],
            [run for run in among if len(run[0]) == n_classes],
            [run for run in among if low <= len(run[0]) <= high],
            among,
        ):
            if wanted:
                _, first, length = max(wanted, key=lambda run: run[2])
                return first, first + length - 1
    return None
