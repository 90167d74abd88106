from __future__ import annotations

from pathlib import Path

import pandas as pd

from advlearn.settings.cluster import SettingName, setting_name
from advlearn.studies.selective.cell import Cell, read_cells, write_cells


def test_the_number_of_clusters_survives_the_file(tmp_path: Path) -> None:
    asked, found = setting_name(n_clusters=4), SettingName("eps=1")
    write_cells(
        tmp_path / "cells.csv",
        [
            Cell("kmeans", asked, "random", 2, 10, 0, "05", control_of=""),
            Cell("dbscan", found, "subset", 0, 10, 1, "1e5", control_of="05"),
        ],
    )
    cells = read_cells(tmp_path / "cells.csv")
    assert list(cells)[:3] == ["clusterer", "setting", "n_clusters"]
    assert cells["n_clusters"].tolist() == [4, pd.NA]
    # Digests are no numbers, whatever they look like.
    assert cells["digest"].tolist() == ["05", "1e5"]
    assert cells["control_of"].fillna("").tolist() == ["", "05"]
