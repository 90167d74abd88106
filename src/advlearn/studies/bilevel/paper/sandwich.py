"""Certified radii and the smallest attacks that bound them from above, for each gamma."""

from __future__ import annotations

import numpy as np
import pandas as pd

from advlearn.report.frames import groups, ordered
from advlearn.studies.bilevel.paper.labels import DATASETS
from advlearn.studies.bilevel.schema import BilevelTidy

_ROUNDING = 1e-9


def sandwich(tidy: BilevelTidy) -> pd.DataFrame:
    """Largest certified radius beside the smallest successful attack, for each gamma.

    Returns:
        One row a data set, weights and gamma: certified (0 where nothing is certified, missing
        where none was computed), attacked (missing where no attack changed the partition),
        method (of the smallest attack), noise (smallest size at which random noise changed the
        partition) and violated (1.0 where an attack is smaller than the certificate, missing
        where either is missing).
    """
    keys = ["dataset", "weights", "gamma"]
    frame = tidy["bilevel_sandwich"]
    attacked = frame[(frame["kind"] == "attacked") & frame["epsilon"].notna()]
    best = attacked.sort_values("epsilon", kind="stable").drop_duplicates(keys).set_index(keys)
    found = pd.DataFrame(
        {
            "certified": frame[frame["kind"] == "certified"].groupby(keys)["epsilon"].max(),
            "noise": attacked[attacked["method"] == "noise"].groupby(keys)["epsilon"].min(),
            "attacked": best["epsilon"],
            "method": best["method"],
        },
        index=pd.MultiIndex.from_frame(frame[keys].drop_duplicates()),
    ).reset_index()
    known = found["certified"].notna() & found["attacked"].notna()
    below = found["attacked"] < found["certified"] * (1 - _ROUNDING)
    return ordered(
        found.assign(violated=below.astype(float).where(known)),
        keys,
        dataset=DATASETS.order(found["dataset"]),
    )


def at_attacked_gamma(tidy: BilevelTidy) -> pd.DataFrame:
    """The rows of `sandwich` at the gamma of the attacks of each data set.

    The nearest gamma of the grid where the record names one, else the one with the largest
    certified radius.
    """
    rows = []
    for (dataset, _), part in groups(sandwich(tidy), ["dataset", "weights"]):
        gamma = tidy.study.datasets.get(str(dataset), {}).get("gamma")
        if gamma:
            place = int(np.log(part["gamma"] / gamma).abs().argmin())
        else:
            place = int(part["certified"].fillna(-1.0).argmax())
        rows.append(part.iloc[[place]])
    return pd.concat(rows, ignore_index=True)
