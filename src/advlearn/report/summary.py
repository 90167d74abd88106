"""Means, intervals and paired differences over seeds, for many groups at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from advlearn.metrics.intervals import t_quantile


def over_seeds(
    frame: pd.DataFrame, keys: Sequence[str], value: str = "value", confidence: float = 0.95
) -> pd.DataFrame:
    """Mean, interval of the mean and interval of one further run, for each group.

    The same formulas as `advlearn.metrics.intervals`, for all groups at once.

    Args:
        frame: one row a seed and group; rows without a value are left out.
        keys: columns that name a group; none of them may be missing.
        value: column of the values.
        confidence: coverage in (0, 1).

    Returns:
        One row a group: ``keys``, mean, ci_low, ci_high, prediction_low, prediction_high, n; the
        bounds are missing where a group has one seed.
    """
    present = frame.dropna(subset=[value])
    groups = present.groupby(list(keys), sort=True, observed=True)[value]
    result = groups.agg(["mean", "std", "count"]).reset_index()
    n = result["count"].to_numpy()
    quantile = {
        int(count): t_quantile(confidence, int(count) - 1) if count > 1 else np.nan
        for count in np.unique(n)
    }
    spread = np.array([quantile[int(count)] for count in n]) * result["std"].to_numpy()
    half = spread / np.sqrt(np.maximum(n, 1))
    further = spread * np.sqrt(1 + 1 / np.maximum(n, 1))
    mean = result["mean"]
    return result[list(keys)].assign(
        mean=mean,
        ci_low=mean - half,
        ci_high=mean + half,
        prediction_low=mean - further,
        prediction_high=mean + further,
        n=n,
    )


def inside(value: pd.Series, low: pd.Series, high: pd.Series) -> pd.Series:
    """``yes`` or ``no`` where there are a value and bounds, else missing."""
    known = value.notna() & low.notna() & high.notna()
    verdict = pd.Series(np.where((low <= value) & (value <= high), "yes", "no"), index=value.index)
    return verdict.where(known)


def beside_published(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the difference to the published value and whether the intervals hold it.

    Args:
        frame: result of `over_seeds` with a column ``published``.

    Returns:
        The frame with difference (reproduced - published), published_inside_ci and
        published_inside_prediction.
    """
    return frame.assign(
        difference=frame["mean"] - frame["published"],
        published_inside_ci=inside(frame["published"], frame["ci_low"], frame["ci_high"]),
        published_inside_prediction=inside(
            frame["published"], frame["prediction_low"], frame["prediction_high"]
        ),
    )
