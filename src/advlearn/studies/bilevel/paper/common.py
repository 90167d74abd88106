"""What the tables and figures of study 3 share: names, orders, means over seeds, sandwiches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from advlearn.report.frames import groups, ordered
from advlearn.report.intervals import over_seeds
from advlearn.studies.bilevel.paper.schema import BilevelTidy

NO_PUBLISHED = (
    "Only the abstract and summaries of the paper are known to this project, and no number of it."
)
DERIVED = "Formulas, bounds and certificates are derived in this project (docs/bilevel.md)."

DATASET_LABELS = {
    "iris": "iris",
    "wine": "wine",
    "breast_cancer": "breast cancer",
    "digits_1_4": "digits 1 and 4",
    "digits_8_9": "digits 8 and 9",
    "moons": "moons",
    "blobs": "blobs",
    "circles": "circles",
}
WEIGHTS_LABELS = {
    "fixed": "fixed weights",
    "recomputed": "recomputed weights",
    "unit": "unit weights",
    "gaussian": "Gaussian weights",
    "knn": "k-NN Gaussian weights",
}
BOUND_LABELS = {
    "sun_toh_yuan": "Sun–Toh–Yuan",
    "electrical": "electrical",
    "reweighted": "reweighted",
    "true": "true",
}
METHOD_LABELS = {
    "noise": "random noise",
    "one_point": "one point",
    "genetic": "genetic",
    "merge": "merge",
    "cut": "cut",
    "transfer": "transfer",
    "smoothed": "smoothed",
    "exact_directions": "exact directions",
    "sun_toh_yuan": "Sun–Toh–Yuan",
    "electrical": "electrical",
}
VICTIM_LABELS = {
    "convex": "convex clustering",
    "kmeans": "k-means",
    "ward": "Ward",
    "spectral": "spectral",
    "dbscan": "DBSCAN",
    "hdbscan": "HDBSCAN",
    "none": "no clusterer",
}
FORM_LABELS = {
    "min_effort": "smallest perturbation that reaches the target",
    "max_effect": "largest effect within the budget",
}
BUDGET_LABELS = {
    "per_point": "per point",
    "frobenius": "Frobenius",
    "linf": "ℓ∞",
    "single_point": "one given point",
    "few_points": "few points",
    "few_points_1": "1 point",
    "few_points_5": "5 points",
    "few_points_10": "10 points",
}
DEVIATION_LABELS = {
    "delta": "δ",
    "delta_per_n": "δ/n",
    "one_minus_ri": "1 − RI",
    "one_minus_ari": "1 − ARI",
    "one_minus_nmi": "1 − NMI",
    "one_minus_ami": "1 − AMI",
    "vi": "VI",
    "matching_error": "matching error",
}
METHODS = ("merge", "cut", "transfer", "smoothed", "genetic", "one_point", "noise")
VICTIMS = tuple(VICTIM_LABELS)
BOUNDS = tuple(BOUND_LABELS)
CHANGE = "first change"
"""Target of a min-effort attack: any other partition."""
_ROUNDING = 1e-9


def label(labels: dict[str, str], name: object) -> str:
    """The readable form of a name; names that are not known lose their underscores."""
    return labels.get(str(name), str(name).replace("_", " "))


def in_order(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """The names once each: those of ``known`` first and in that order, others by name."""
    places = {name: place for place, name in enumerate(known)}
    return sorted(set(names), key=lambda name: (places.get(name, len(places)), name))


def datasets(present: Iterable[str]) -> list[str]:
    """The data sets of ``present`` once each: real data first, then drawn shapes."""
    return in_order(present, DATASET_LABELS)


def means(frame: pd.DataFrame, keys: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Mean of each metric over the seeds, with its Student-t interval, one row each.

    Args:
        frame: one row a seed and line; missing values of a metric are no runs of it.
        keys: columns that name a line.
        metrics: columns to summarise.

    Returns:
        keys, metric, mean, ci_low, ci_high, n, in the order of the keys.
    """
    present = named(frame, keys)
    parts = [
        over_seeds(present, keys, name).assign(metric=name)
        for name in metrics
        if present[name].notna().any()
    ]
    columns = [*keys, "metric", "mean", "ci_low", "ci_high", "n"]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True)[columns].sort_values([*keys], kind="stable")


def named(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The frame with empty text where a key does not apply: missing keys would form no group."""
    text = [name for name in keys if not pd.api.types.is_numeric_dtype(frame[name])]
    return frame.fillna(dict.fromkeys(text, ""))


def seeds_text(tidy: BilevelTidy) -> str:
    """How many seeds there are and what the intervals are, for captions."""
    count = len(tidy.study.seeds)
    if count == 1:
        return "One seed, so there are no intervals."
    return f"Mean of {count} seeds [95 % Student-t interval]."


def unit_text() -> str:
    """The unit of all sizes, for captions."""
    return (
        "Sizes are in units of the median length of the data set's 10-nearest-neighbour edges"
        " (every point set is divided by it)."
    )


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
    best = attacked.sort_values("epsilon", kind="stable").drop_duplicates(keys)
    result = frame[keys].drop_duplicates().sort_values(keys, ignore_index=True)
    columns = {
        "certified": frame[frame["kind"] == "certified"].groupby(keys)["epsilon"].max(),
        "noise": attacked[attacked["method"] == "noise"].groupby(keys)["epsilon"].min(),
        "attacked": best.set_index(keys)["epsilon"],
        "method": best.set_index(keys)["method"],
    }
    for name, column in columns.items():
        result = result.merge(column.rename(name), on=keys, how="left")
    known = result["certified"].notna() & result["attacked"].notna()
    below = result["attacked"] < result["certified"] * (1 - _ROUNDING)
    return ordered(
        result.assign(violated=below.astype(float).where(known)),
        keys,
        dataset=datasets(result["dataset"]),
    )


def at_the_attacks(tidy: BilevelTidy) -> pd.DataFrame:
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


def normalised_delta(tidy: BilevelTidy) -> pd.DataFrame:
    """Rows of ``bilevel_staircase.csv`` of the delta-measure, divided by its largest value.

    delta² = n(n−1)(1−RI), so delta/√(n(n−1)) lies in [0, 1]; it is taken from delta where the data
    set's n is known, else from the Rand index.
    """
    frame = tidy["bilevel_staircase"]
    sizes = {name: about.get("n") for name, about in tidy.study.datasets.items()}
    parts = []
    for name, part in frame.groupby("dataset", sort=False):
        n = sizes.get(str(name))
        rows = part[part["deviation"] == "delta"]
        if n and len(rows):
            parts.append(rows.assign(value=rows["value"] / np.sqrt(n * (n - 1))))
            continue
        rows = part[part["deviation"] == "one_minus_ri"]
        parts.append(rows.assign(value=np.sqrt(rows["value"].clip(lower=0))))
    return pd.concat(parts, ignore_index=True) if parts else frame
