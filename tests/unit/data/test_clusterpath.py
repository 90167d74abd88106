from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from advlearn.data import clusterpath
from advlearn.data.clusterpath import Clusterpath
from advlearn.support.errors import UserError
from advlearn.support.io import read_npz, write_npz

COUNTS = (6, 5, 4, 3, 3, 2, 2, 1)


def walked(chosen: int) -> Clusterpath:
    """Six points in a row; at each gamma the first ones are alone and the rest together."""
    edges = np.array([[i, i + 1] for i in range(5)])
    labels = np.array([np.minimum(np.arange(6), count - 1) for count in COUNTS])
    return Clusterpath(edges, np.ones(5), np.geomspace(0.1, 10, 8), labels, chosen)


def test_what_was_saved_is_read(tmp_path: Path) -> None:
    path, before = tmp_path / "path.npz", walked(3)
    clusterpath.save_clusterpath(path, before)
    after = clusterpath.read_clusterpath(path, 6)
    for name in ("edges", "weights", "gammas", "labels"):
        assert (getattr(after, name) == getattr(before, name)).all(), name
    assert (after.chosen, after.gamma) == (3, before.gammas[3])
    assert after.chosen_labels.tolist() == [0, 1, 2, 2, 2, 2]
    arrays = read_npz(path)
    assert arrays["gamma"] == after.gamma
    assert (arrays["chosen_labels"] == after.chosen_labels).all()


@pytest.mark.parametrize(
    ("chosen", "limit", "rows"),
    [
        (5, 3, [3, 4, 5, 6]),
        (5, 2, [5, 6]),
        # What is attacked is always among them, and so is all with no more clusters.
        (2, 2, [2, 3, 4, 5, 6]),
    ],
)
def test_rows_have_few_clusters_and_not_one(chosen: int, limit: int, rows: list[int]) -> None:
    path = walked(chosen)
    assert path.rows(limit) == rows
    assert path.most_clusters(limit) == max(COUNTS[row] for row in rows)


@pytest.mark.parametrize(
    ("count", "picked"), [(1, [0, 3]), (2, [0, 3, 6]), (4, [0, 2, 3, 4, 6]), (99, list(range(7)))]
)
def test_picked_rows_are_evenly_spread_and_hold_the_chosen_one(
    count: int, picked: list[int]
) -> None:
    assert walked(3).spread_rows(count, 6) == picked


def test_other_points_and_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "path.npz"
    clusterpath.save_clusterpath(path, walked(3))
    with pytest.raises(UserError, match="not of these 7 points") as error:
        clusterpath.read_clusterpath(path, 7)
    assert error.value.where == str(path)
    arrays = read_npz(path)
    del arrays["chosen"]
    write_npz(path, arrays)
    with pytest.raises(UserError, match="no clusterpath: the array 'chosen' is missing"):
        clusterpath.read_clusterpath(path, 6)
