"""Certified radii, the smallest attacks above them, and the clusterings that they concern."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from advlearn.report.frames import groups, ordered
from advlearn.studies.bilevel.paper.labels import DATASETS
from advlearn.studies.bilevel.paper.tables.attacks import CHANGE
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.studies.bilevel.settings.certify import REBUILT
from advlearn.studies.bilevel.settings.path import PathSettings

_GAMMA = ["dataset", "weights", "gamma"]
"""What names a row of `sandwich`."""


def sandwich(tidy: BilevelTidy) -> pd.DataFrame:
    """Largest certified radius beside the smallest successful attack, for each gamma.

    Returns:
        One row a data set, weights and gamma: certified (0 where nothing is certified, missing
        where none was computed), attacked (missing where no attack changed the partition; at the
        attacked gamma the best of both stages that attack it),
        method (of the smallest attack) and noise (smallest size at which random noise changed the
        partition).
    """
    keys = _GAMMA
    frame = tidy["bilevel_sandwich"]
    attacked = frame[(frame["kind"] == "attacked") & frame["epsilon"].notna()]
    attacked = pd.concat([attacked, _of_the_attacks(tidy)], ignore_index=True)
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
    return ordered(found, keys, dataset=DATASETS.order(found["dataset"]))


def efforts(tidy: BilevelTidy, target: str) -> pd.DataFrame:
    """Rows of ``bilevel_attacks`` about the smallest perturbation per point for a target."""
    attacks = tidy["bilevel_attacks"]
    return attacks[
        (attacks["form"] == "min_effort")
        & (attacks["budget"] == "per_point")
        & (attacks["target"].str.replace("_", " ") == target)
    ]


def _of_the_attacks(tidy: BilevelTidy) -> pd.DataFrame:
    """What the attack stage found, as rows of ``bilevel_sandwich`` at the gamma of the attacks."""
    found = efforts(tidy, CHANGE)
    found = found[(found["reached"] == 1) & (found["epsilon"] > 0)]
    keys = ["dataset", "weights"]
    found = found[[*keys, "seed", "method", "epsilon"]].merge(_attacked_gammas(tidy), on=keys)
    return found.assign(kind="attacked")


def _attacked_gammas(tidy: BilevelTidy) -> pd.DataFrame:
    """Data set, weights and gamma of the certificates at the gamma that the record names."""
    frame = tidy["bilevel_sandwich"][_GAMMA].drop_duplicates()
    named = {name: about.get("gamma") for name, about in tidy.study.datasets.items()}
    gamma = frame["dataset"].map(named).astype(float)
    return frame[np.isclose(frame["gamma"], gamma, rtol=1e-6)]


def rebuilt_ratios(tidy: BilevelTidy) -> pd.Series:
    """Smallest attack on the victim who takes all anew, by that on the frozen graph.

    One number a data set, where both attacks changed the partition.
    """
    frame = at_attacked_gamma(tidy).set_index(["dataset", "weights"])["attacked"].unstack()
    if not {REBUILT, "recomputed"} <= set(frame.columns):
        return pd.Series(dtype=float)
    ratios: pd.Series = (frame[REBUILT] / frame["recomputed"]).dropna()
    return ratios


def two_joined(tidy: BilevelTidy) -> set[str]:
    """Data sets whose attacked clustering has two clusters with edges between them.

    There a perturbation of half the distance of the two means changes the partition, by a theorem
    (docs/studies/bilevel-certificates.md). Empty for a run that does not say.
    """
    frame = tidy["bilevel_path"]
    if "joined" not in frame:
        return set()
    chosen = frame[(frame["chosen"] == 1) & (frame["n_clusters"] == 2) & (frame["joined"] > 0)]
    return set(chosen["dataset"])


class Described(NamedTuple):
    """A clustering as the headline names it; each is empty where the run does not say.

    Attributes:
        sizes: points of its clusters, largest first, and whether it splits outliers off or has
            components of the graph as clusters.
        ari: agreement with the true classes.
    """

    sizes: str
    ari: float


def described(tidy: BilevelTidy, dataset: str, gamma: float) -> Described:
    """The clustering of the clusterpath at the gamma of a certificate."""
    frame = tidy["bilevel_path"]
    here = frame[(frame["dataset"] == dataset) & np.isclose(frame["gamma"], gamma, rtol=1e-6)]
    if here.empty:
        return Described("", float("nan"))
    row = here.iloc[0]
    sizes = row.get("sizes")
    if not isinstance(sizes, str):
        return Described("", float(row["ari_truth"]))
    counts = [int(size) for size in sizes.split("+")]
    if min(counts) < _smallest(tidy) * sum(counts):
        sizes += " (outlier split)"
    elif row.get("joined") == 0:
        sizes += " (components)"
    return Described(sizes, float(row["ari_truth"]))


def _smallest(tidy: BilevelTidy) -> float:
    """Share of the points below which a cluster is one of outliers."""
    path = tidy.study.settings.get("path", {})
    return float(path.get("smallest", PathSettings().smallest))


def tried_at_attacked_gamma(tidy: BilevelTidy) -> pd.DataFrame:
    """Rows of ``bilevel_sandwich`` about attacks on the partition that the attacks attack.

    Of kind ``attacked``, sizes above 0 that changed it, and ``unchanged``, the largest that did
    not. None for data sets of which the record names no gamma.
    """
    frame = tidy["bilevel_sandwich"]
    here = pd.MultiIndex.from_frame(frame[_GAMMA]).isin(
        pd.MultiIndex.from_frame(_attacked_gammas(tidy))
    )
    return frame[here & frame["kind"].isin(["attacked", "unchanged"]) & (frame["epsilon"] > 0)]


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
