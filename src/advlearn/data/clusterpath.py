"""The clusterpath of one point set in a file: its graph, its partitions, the gamma attacked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advlearn.support.errors import REBUILT, UserError
from advlearn.support.io import read_npz, write_npz


@dataclass(frozen=True, eq=False)
class Clusterpath:
    """Convex clusterings of n points for growing penalties, and the one that is attacked.

    Attributes:
        edges: (m, 2) of the graph of the clean points.
        weights: (m,) of its edges.
        gammas: (g,) penalties, ascending.
        labels: (g, n) the partition at each, clusters numbered from 0.
        chosen: row of the penalty that is attacked; its partition has more than one cluster.
    """

    edges: np.ndarray
    weights: np.ndarray
    gammas: np.ndarray
    labels: np.ndarray
    chosen: int

    @property
    def gamma(self) -> float:
        """The penalty that is attacked."""
        return float(self.gammas[self.chosen])

    @property
    def chosen_labels(self) -> np.ndarray:
        """The partition that is attacked, (n,)."""
        return np.asarray(self.labels[self.chosen])

    def most_clusters(self, limit: int) -> int:
        """``limit``, or the number of clusters that are attacked where that is larger."""
        return max(limit, int(self.chosen_labels.max()) + 1)

    def rows(self, limit: int) -> list[int]:
        """Rows with more than one cluster and at most ``most_clusters(limit)``, ascending."""
        counts = self.labels.max(axis=1) + 1
        few = (counts > 1) & (counts <= self.most_clusters(limit))
        return [int(row) for row in np.flatnonzero(few)]

    def spread_rows(self, count: int, limit: int) -> list[int]:
        """At most ``count`` of these rows, evenly spread, and the chosen one."""
        rows = self.rows(limit)
        places = np.linspace(0, len(rows) - 1, min(count, len(rows)))
        return sorted({rows[round(place)] for place in places} | {self.chosen})


def save_clusterpath(path: Path, clusterpath: Clusterpath) -> None:
    """Write a clusterpath as .npz without pickle, and with ``gamma`` and ``chosen_labels``."""
    write_npz(
        path,
        {
            "edges": clusterpath.edges,
            "weights": clusterpath.weights,
            "gammas": clusterpath.gammas,
            "labels": clusterpath.labels,
            "chosen": np.array(clusterpath.chosen),
            "gamma": np.array(clusterpath.gamma),
            "chosen_labels": clusterpath.chosen_labels,
        },
    )


def read_clusterpath(path: Path, n: int) -> Clusterpath:
    """Read what ``save_clusterpath`` wrote.

    Args:
        path: the .npz file.
        n: number of points that the path has to be of.

    Raises:
        UserError: the file is missing, damaged, holds something else, or is of other points.
    """
    arrays = read_npz(path)
    try:
        clusterpath = Clusterpath(
            edges=arrays["edges"],
            weights=arrays["weights"],
            gammas=arrays["gammas"],
            labels=arrays["labels"],
            chosen=int(arrays["chosen"]),
        )
    except KeyError as error:
        raise UserError(
            f"is no clusterpath: the array {error} is missing", where=str(path), remedy=REBUILT
        ) from error
    if clusterpath.labels.shape[1:] != (n,):
        raise UserError(
            f"the clusterpath is not of these {n} points", where=str(path), remedy=REBUILT
        )
    return clusterpath
