"""Metrics of attacks over the seeds of a run, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from advlearn.report.crossed import over_attacks
from advlearn.report.intervals import BOUNDS, IMAGES_COLUMNS, seeds_or_images, wilson
from advlearn.studies.topk.paper.labels import MEASURES
from advlearn.studies.topk.schema import SHARES

_LINE = (
    "dataset model experiment method preset scheme labels n_specified k surrogate alpha knowledge"
    " hidden over metric"
).split()


PER_IMAGE = {
    **{name: (column, 1.0) for name, column in SHARES.items()},
    **{name: (name, 1.0) for name in ("l2", "linf", *MEASURES, "iterations")},
    "l2_255": ("l2", 255.0),
}
"""Metrics that follow from ``topk_images.csv`` -> the column there, and its factor."""


def per_image(images: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``topk_images.csv`` once a metric and once for each set of images that it is over.

    Returns:
        The columns of ``images`` with over, metric and value; the index is that of ``images``.
    """
    parts = [
        part.assign(over=over, metric=metric, value=part[column].astype(float) * scale)
        for over, part in (("eligible", images), ("success", images[images["success"]]))
        for metric, (column, scale) in PER_IMAGE.items()
        if over == "eligible" or metric not in SHARES
    ]
    return pd.concat(parts)


def over_images_and_seeds(metrics: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Means and shares of attacks, with intervals for further images and seeds where known.

    Args:
        metrics: rows of ``topk_metrics.csv``.
        images: the rows of ``topk_images.csv`` of the same attacks.

    Returns:
        The lines of `summarise` with the further column images, the number of distinct ones. What
        follows from the images is the mean over attacks with the interval of
        :func:`advlearn.report.crossed.over_attacks`; what does not (``l2_pretanh``, ``removed``) is
        as there.
    """
    table = summarise(metrics)
    rows = per_image(images[images["experiment"].isin(metrics["experiment"])])
    rows = rows[rows["metric"].isin(metrics["metric"])]
    if rows.empty:
        return table.assign(images=np.nan)
    share = rows["metric"].isin(list(SHARES))
    parts = [(rows[share], True), (rows[~share], False)]
    found = pd.concat(
        [over_attacks(part, _LINE, "value", shares=one) for part, one in parts if len(part)]
    )
    both = table.merge(found, on=_LINE, how="left", suffixes=("", "_attacks"))
    both = both.fillna({"n_attacks": 0, "seeds_attacks": 0})
    follows = both["metric"].isin(list(PER_IMAGE))
    for name in IMAGES_COLUMNS:
        both[name] = both[f"{name}_attacks"].where(follows, both[name])
    return both[[*table.columns, "images"]]


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
