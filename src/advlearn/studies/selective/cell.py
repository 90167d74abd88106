"""Cells of the study: the file of the stage select, which later stages read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from advlearn.settings.cluster import SettingName
from advlearn.support.io import read_csv, write_csv


@dataclass(frozen=True)
class Cell:
    """Who chose which images.

    Field names are the columns of the file, where ``n_clusters``, the number of clusters that the
    setting asks for, follows ``setting``; it is empty where the clusterer finds the number.

    Attributes:
        clusterer: name of the clusterer, `NO_CLUSTERING` for the baselines.
        setting: name of its setting.
        rule: rule that chose the cluster.
        cluster: number of the cluster; none where images of several are chosen.
        n_selected: number of chosen images.
        n_missing_classes: number of classes without a chosen image.
        digest: names the set of chosen images.
        control_of: digest of the selection that a random subset controls, else empty.
    """

    clusterer: str
    setting: SettingName
    rule: str
    cluster: int | None
    n_selected: int
    n_missing_classes: int
    digest: str
    control_of: str = ""


TYPES = {
    "setting": str,
    "n_clusters": "Int64",
    "cluster": "Int64",
    "digest": str,
    "control_of": str,
}
"""Columns whose type must not depend on the values that happen to be in a file."""


def write_cells(path: Path, cells: Sequence[Cell]) -> None:
    """Write one row a cell."""
    frame = pd.DataFrame(cells)
    asked = pd.Series([cell.setting.n_clusters for cell in cells], dtype="Int64")
    frame["cluster"] = frame["cluster"].astype("Int64")
    frame.insert(list(frame.columns).index("setting") + 1, "n_clusters", asked)
    write_csv(path, frame)


def read_cells(path: Path) -> pd.DataFrame:
    """Read the cells, or rows that begin with what a cell is: one row each."""
    return read_csv(path, dtype=TYPES)
