"""Cells of the study: the file of the stage select, which later stages read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from advlearn.settings.cluster import NO_CLUSTERING, SettingName
from advlearn.studies.selective.settings.strengthen import StrongSettings
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


def strengthened(cells: pd.DataFrame, strong: StrongSettings) -> pd.DataFrame:
    """The cells whose models meet the strong attacks, in their order.

    Args:
        cells: as `read_cells` reads them.
        strong: which are wanted. Random subsets are attacked where their selections are.
    """
    clustered = cells["clusterer"] != NO_CLUSTERING
    wanted = cells["rule"].isin(strong.rules)
    if strong.clusterers is not None:
        wanted &= ~clustered | cells["clusterer"].isin(strong.clusterers)
    if strong.n_clusters is not None:
        number = cells["n_clusters"]
        wanted &= ~clustered | number.isna() | number.isin(strong.n_clusters)
    control = cells["rule"] == "subset"
    attacked = set(cells.loc[wanted & ~control, "digest"])
    return cells[wanted & (~control | cells["control_of"].isin(attacked))]


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
