"""Metrics of attacks over the seeds of a run, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from advlearn.report.intervals import BOUNDS, IMAGES_COLUMNS, seeds_or_images, wilson
from advlearn.studies.topk.schema import SHARES

_LINE = (
    "dataset model experiment method preset scheme labels n_specified k surrogate alpha knowledge"
    " hidden over metric"
).split()


def summarise(frame: pd.DataFrame, keys: Sequence[str] = _LINE) -> pd.DataFrame:
    """Means and shares over the seeds of rows of ``topk_metrics.csv`` or ``topk_transfer.csv``.

    Args:
        frame: rows with the columns ``keys``, metric, value, n and where they exist std (over the
            images of the seed, with n - 1) and n_eligible.
        keys: columns that name a line of the result.

    Returns:
        One row a line, in the order of ``frame``: keys, mean, ci_low, ci_high, interval (wilson,
        seeds, images; missing without bounds), lowest_seed and highest_seed (missing for one
        seed), seeds, n (images of all seeds) and n_eligible. Lines with n = 0 stay.
    """
    absent = [name for name in ("std", "n_eligible") if name not in frame]
    frame = frame.assign(
        hits=(frame["value"] * frame["n"]).round().fillna(0), **dict.fromkeys(absent, np.nan)
    )
    lines = frame.groupby(list(keys), dropna=False, sort=False)
    result = lines.agg(
        mean=("value", "mean"),
        spread=("value", "std"),
        std=("std", "first"),
        lowest_seed=("value", "min"),
        highest_seed=("value", "max"),
        seeds=("value", "count"),
        n=("n", "sum"),
        hits=("hits", "sum"),
    )
    result["n_eligible"] = lines["n_eligible"].sum(min_count=1)
    result = seeds_or_images(result.reset_index())
    share = result["metric"].isin(list(SHARES)) & (result["n"] > 0)
    counted = result[share]
    result.loc[share, BOUNDS] = wilson(counted["hits"], counted["n"]).to_numpy()
    result.loc[share, "interval"] = "wilson"
    return result[[*keys, *IMAGES_COLUMNS, "n_eligible"]]


def rate(frame: pd.DataFrame, keys: Sequence[str], metric: str) -> pd.DataFrame:
    """The share ``metric`` of tidy rows over all else: keys, mean (missing for n = 0) and n."""
    rows = frame[frame["metric"] == metric]
    rows = rows.assign(hits=rows["value"].fillna(0) * rows["n"])
    result = rows.groupby(list(keys), dropna=False)[["hits", "n"]].sum().reset_index()
    return result.assign(mean=(result["hits"] / result["n"].where(result["n"] > 0)))
