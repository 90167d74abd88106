"""Clusters as the stage cluster writes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from advlearn.settings.cluster import SettingName
from advlearn.support.io import write_csv, write_parquet


def write_clusters(path: Path, labels: Mapping[SettingName, np.ndarray]) -> Path:
    """Write the labels of each setting, and beside them how many clusters it asked for."""
    write_parquet(path, pd.DataFrame(dict(labels)))
    asked = pd.Series([setting.n_clusters for setting in labels], dtype="Int64")
    write_csv(
        path.with_suffix(".csv"), pd.DataFrame({"setting": list(labels), "n_clusters": asked})
    )
    return path
