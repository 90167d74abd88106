"""Means over seeds of many metrics at once, and the cells that show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from advlearn.report.frames import records
from advlearn.report.intervals import BOUNDS, fill_missing_keys, over_seeds
from advlearn.report.numbers import ABSENT, significant_interval


def long_format(frame: pd.DataFrame, keys: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """The values of all metrics below one another, each row under its position in the tidy table.

    Args:
        frame: one row a seed and line; missing values of a metric are no runs of it.
        keys: columns that name a line.
        metrics: columns to summarise.

    Returns:
        keys (an empty text where one does not apply), metric and value.
    """
    filled = fill_missing_keys(frame, keys)
    long = filled.melt([*keys], [*metrics], var_name="metric", ignore_index=False)
    return long.dropna(subset=["value"])


def means(long: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Mean over the seeds of what `by_metric` gives: keys, metric, mean, ci_low, ci_high, n."""
    return over_seeds(long, [*keys, "metric"])[[*keys, "metric", *BOUNDS, "n"]]


def metrics_of(cells: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The rows of one line by their metric."""
    return {str(row["metric"]): row for row in records(cells)}


def interval(row: Mapping[str, Any] | None) -> str:
    """A mean with its interval, three significant digits; a dash where there is none."""
    if row is None:
        return ABSENT
    return significant_interval(*(float(row[name]) for name in BOUNDS))
