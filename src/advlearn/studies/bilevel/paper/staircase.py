"""The delta-measure of growing perturbations, and the Rand index beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from advlearn.studies.bilevel.schema import BilevelTidy


def normalised_delta(tidy: BilevelTidy) -> pd.DataFrame:
    """Rows of ``bilevel_staircase.csv`` of the delta-measure, divided by its largest value.

    delta² = n(n−1)(1−RI), so delta/√(n(n−1)) lies in [0, 1]; it is taken from delta where the data
    set's n is known, else from the Rand index.
    """
    frame = tidy["bilevel_staircase"]
    parts = []
    for name, part in frame.groupby("dataset", sort=False):
        n = _points(tidy).get(str(name))
        delta, rand = (part[part["deviation"] == kind] for kind in ("delta", "one_minus_ri"))
        if n and len(delta):
            parts.append(delta.assign(value=delta["value"] / np.sqrt(n * (n - 1))))
        else:
            parts.append(rand.assign(value=np.sqrt(rand["value"].clip(lower=0))))
    return pd.concat(parts, ignore_index=True) if parts else frame


def curves(tidy: BilevelTidy, curve: str) -> list[np.ndarray]:
    """The normalised delta-measure of each curve of a kind, by growing size, one array a curve."""
    frame = normalised_delta(tidy)
    frame = frame[frame["curve"] == curve].sort_values("tau")
    keys = ["dataset", "direction", "seed"]
    return [part["value"].to_numpy(float) for _, part in frame.groupby(keys, dropna=False)]


def rand_pairs(tidy: BilevelTidy) -> pd.DataFrame:
    """Rows of ``bilevel_staircase.csv`` that have both delta and the Rand index, side by side.

    Returns:
        dataset, delta, one_minus_ri and error, the difference of delta²/(n(n−1)) and 1 − RI
        (missing where the record of the run has no n).
    """
    frame = tidy["bilevel_staircase"]
    keys = ["dataset", "seed", "direction", "curve", "tau"]
    kinds = ["delta", "one_minus_ri"]
    wide = frame[frame["deviation"].isin(kinds)].pivot_table(
        index=keys, columns="deviation", values="value", dropna=False
    )
    wide = wide.reindex(columns=kinds).dropna().reset_index()
    n = wide["dataset"].map(_points(tidy)).astype(float)
    error = (wide["delta"] ** 2 / (n * (n - 1)) - wide["one_minus_ri"]).abs()
    return wide[["dataset", *kinds]].assign(error=error)


def _points(tidy: BilevelTidy) -> dict[str, int | None]:
    """Number of points of each data set, none where the record does not say."""
    return {name: about.get("n") for name, about in tidy.study.datasets.items()}
