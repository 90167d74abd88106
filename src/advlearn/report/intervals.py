"""Means, shares and their intervals, for all groups of a table at once.

Intervals over seeds assume that the runs are independent draws of one normal distribution. They are
not clipped to [0, 1]: a bound outside says that the assumption is strained.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

CONFIDENCE = 0.95
BOUNDS = ["mean", "ci_low", "ci_high"]
IMAGES_COLUMNS = "mean ci_low ci_high interval lowest_seed highest_seed seeds n".split()


def half_width(spread: pd.Series, n: pd.Series, *, further: bool = False) -> pd.Series:
    """Half of a Student-t interval of a mean, ``t s / sqrt(n)``; missing for one value.

    Args:
        spread: standard deviation of the values, with n - 1.
        n: number of values.
        further: the interval in which one more value falls, ``t s sqrt(1 + 1/n)``, instead. A
            published single run is to be compared with this one.
    """
    count = n.to_numpy(float)
    quantile = stdtrit(np.where(count > 1, count - 1, np.nan), 0.5 + CONFIDENCE / 2)
    width = quantile * spread.to_numpy(float)
    scale = np.sqrt(1 + 1 / np.maximum(count, 1)) if further else 1 / np.sqrt(np.maximum(count, 1))
    return pd.Series(width * scale, index=n.index)


def over_seeds(frame: pd.DataFrame, keys: Sequence[str], value: str = "value") -> pd.DataFrame:
    """Mean, interval of the mean and interval of one further run, for each group.

    Args:
        frame: one row a seed and group; rows without a value are left out.
        keys: columns that name a group; none of them may be missing.
        value: column of the values.

    Returns:
        One row a group: ``keys``, mean, ci_low, ci_high, prediction_low, prediction_high, n; the
        bounds are missing where a group has one seed.
    """
    present = frame.dropna(subset=[value])
    groups = present.groupby(list(keys), sort=True, observed=True)[value]
    found = groups.agg(["mean", "std", "count"]).reset_index()
    mean, n = found["mean"], found["count"]
    half = half_width(found["std"], n)
    further = half_width(found["std"], n, further=True)
    return found[list(keys)].assign(
        mean=mean,
        ci_low=mean - half,
        ci_high=mean + half,
        prediction_low=mean - further,
        prediction_high=mean + further,
        n=n,
    )


def fill_missing_keys(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The frame with empty text where a key does not apply: missing keys would form no group."""
    text = [name for name in keys if not pd.api.types.is_numeric_dtype(frame[name])]
    return frame.fillna(dict.fromkeys(text, ""))


def seeds_or_images(table: pd.DataFrame) -> pd.DataFrame:
    """Add the interval over the seeds, or over the images of the only seed.

    Args:
        table: mean, spread (of the seeds), std (of the images of a seed), seeds, n, lowest_seed
            and highest_seed.

    Returns:
        The table with ci_low, ci_high and interval (seeds, images; missing without bounds),
        without spread and std; lowest and highest seed are missing for one seed.
    """
    several = table["seeds"] > 1
    half = half_width(
        table["std"].where(~several, table["spread"]).astype(float),
        table["n"].where(~several, table["seeds"]),
    )
    kind = pd.Series(np.where(several, "seeds", "images"), index=table.index)
    return table.assign(
        ci_low=table["mean"] - half,
        ci_high=table["mean"] + half,
        interval=kind.where(half.notna()),
        lowest_seed=table["lowest_seed"].where(several),
        highest_seed=table["highest_seed"].where(several),
    ).drop(columns=["spread", "std"])


def wilson(successes: Any, trials: Any) -> pd.DataFrame:
    """Shares with the score interval of Wilson (1927).

    Args:
        successes: numbers of successes, each in 0..trials.
        trials: numbers of trials; a share of none is missing.

    Returns:
        mean, ci_low and ci_high, within [0, 1], one row an entry.
    """
    hits, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    n = np.where(n > 0, n, np.nan)
    z = ndtri(0.5 + CONFIDENCE / 2)
    share = hits / n
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    # At 0 and at all successes the bound is exactly 0 or 1; rounding must not move it inside.
    low = np.where(hits == 0, np.where(np.isnan(n), np.nan, 0.0), np.maximum(0.0, centre - half))
    high = np.where(hits == n, 1.0, np.minimum(1.0, centre + half))
    return pd.DataFrame({"mean": share, "ci_low": low, "ci_high": high})


def inside_interval(value: pd.Series, low: pd.Series, high: pd.Series) -> pd.Series:
    """``yes`` or ``no`` where there are a value and bounds, else missing."""
    known = value.notna() & low.notna() & high.notna()
    verdict = pd.Series(np.where((low <= value) & (value <= high), "yes", "no"), index=value.index)
    return verdict.where(known)


def compare_with_published(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the difference to the published value and whether the intervals hold it.

    Args:
        frame: result of `over_seeds` with a column ``published``.

    Returns:
        The frame with difference (reproduced - published), published_inside_ci and
        published_inside_prediction.
    """
    published = frame["published"]
    return frame.assign(
        difference=frame["mean"] - published,
        published_inside_ci=inside_interval(published, frame["ci_low"], frame["ci_high"]),
        published_inside_prediction=inside_interval(
            published, frame["prediction_low"], frame["prediction_high"]
        ),
    )
