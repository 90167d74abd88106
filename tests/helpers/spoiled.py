"""Tidy tables of study 3 with other values, and an interval computed in another way."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats


def replace_columns(folder: Path, name: str, **columns: Any) -> None:
    """Write ``bilevel_NAME.csv`` again with these values in these columns."""
    path = folder / f"bilevel_{name}.csv"
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    frame.assign(**columns).to_csv(path, index=False)


class Interval(NamedTuple):
    """A mean with its 95 % Student-t interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: Iterable[float]) -> Interval:
    """By scipy, of two values or more."""
    found = np.array(list(values), dtype=float)
    low, high = stats.t.interval(0.95, len(found) - 1, found.mean(), stats.sem(found))
    return Interval(float(found.mean()), float(low), float(high))
