"""The comparisons behind the claims: one number a universe and seed, with the rows behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from advlearn.settings.cluster import NO_CLUSTERING
from advlearn.studies.selective.paper.cells import (
    selections,
    subset_rows,
    without_clustering,
)
from advlearn.studies.selective.paper.universe_set import Weights, members
from advlearn.studies.selective.schema import SelectiveTidy

SEED = ["universe", "protocol", "seed"]
CLEAN, ADVERSARIAL, AVERAGE = "clean_accuracy", "adversarial_accuracy", "average_accuracy"
WORST_CASE = "worst_case"
"""Share of images that withstand the strong attacks; a metric of `strong_evaluation` alone."""
PAPER_CLUSTERERS = ("kmeans", "agglomerative")
"""The clusterers of Tables 1 and 2, which are asked for a number of clusters."""


class Comparison(NamedTuple):
    """Two conditions on the same seeds.

    Attributes:
        seeds: one row a universe, protocol and seed: ``value``, the difference; ``first``, the
            number of the first condition; ``images`` and ``steps``, those of the first condition as
            shares of the second; each missing where it makes no sense or is not known.
        rows: one row a tidy row behind them: universe, protocol, seed and ``row``, its position.
    """

    seeds: pd.DataFrame
    rows: pd.DataFrame


_SEED_KINDS = {"universe": "str", "protocol": "str", "seed": "int64"}
NOTHING = Comparison(
    pd.DataFrame(columns=[*SEED, "value", "first", "images", "steps"], dtype=float).astype(
        _SEED_KINDS
    ),
    pd.DataFrame(columns=[*SEED, "row"]).astype({**_SEED_KINDS, "row": "int64"}),
)
"""The comparison of a claim that cannot be tested."""


@dataclass(frozen=True)
class Evaluation:
    """Rows of the test images, by what was trained.

    Attributes:
        selected: selections with the column ``whole``, as `selections` has them.
        subsets: equally large random subsets; ``digest`` is that of the selection.
        single: models without clusters.
        known: comparisons of `cluster_against` that were made, by what they compare.
    """

    selected: pd.DataFrame
    subsets: pd.DataFrame
    single: pd.DataFrame
    known: dict[tuple[str | bool, ...], Comparison] = field(default_factory=dict, init=False)

    def of(self, weights: Weights) -> Evaluation:
        """The rows of the universes of a set alone."""
        parts = (members(part, weights) for part in (self.selected, self.subsets, self.single))
        return Evaluation(*parts)

    def random(
        self, metric: str, attack: str, clusterer: str, reduction: str = "pca", rule: str = "random"
    ) -> pd.DataFrame:
        """Selections of one random cluster, or of another rule."""
        frame = self.selected
        return frame[
            (frame["metric"] == metric)
            & (frame["attack"] == attack)
            & (frame["clusterer"] == clusterer)
            & (frame["reduction"] == reduction)
            & (frame["rule"] == rule)
        ]

    def model(self, metric: str, attack: str, rule: str) -> pd.DataFrame:
        """A model without clusters: ``all``, ``none`` or ``classic``."""
        frame = self.single
        return frame[
            (frame["metric"] == metric) & (frame["attack"] == attack) & (frame["rule"] == rule)
        ]

    def subset(self, metric: str, attack: str) -> pd.DataFrame:
        """Random subsets as large as selections of an attack."""
        frame = self.subsets
        return frame[(frame["metric"] == metric) & (frame["attack"] == attack)]


@lru_cache(maxsize=2)
def evaluation(tidy: SelectiveTidy) -> Evaluation:
    """The rows of a run from which all comparisons are made."""
    return Evaluation(
        selections(tidy),
        subset_rows(tidy),
        without_clustering(tidy).assign(row=lambda frame: frame.index),
    )


@lru_cache(maxsize=2)
def strong_evaluation(tidy: SelectiveTidy) -> Evaluation:
    """The worst case of the strong attacks, of the models that met them; ``row``: in their table.

    Without rows where the run has no strong attacks.
    """
    frame = tidy["selective_strength"]
    # The last attack's row of each model has the worst case over all.
    key = tidy.schema.tables["selective_strength"].key
    model = [name for name in key if name != "strong_attack"]
    last = frame.groupby(model, dropna=False, sort=False).tail(1)
    frame = last.assign(
        row=last.index,
        value=last["robust_so_far"],
        metric=WORST_CASE,
        protocol=last["universe"].map(tidy.study.protocol_of),
    )
    single = frame["clusterer"] == NO_CLUSTERING
    whole = frame[single & (frame["rule"] == "all")].groupby([*SEED, "attack"])["n_selected"].max()
    all_images = pd.MultiIndex.from_frame(frame[[*SEED, "attack"]]).map(whole.to_dict())
    frame = frame.assign(whole=frame["n_selected"] >= pd.Series(all_images, frame.index, float))
    subset = frame["rule"] == "subset"
    subsets = frame[subset].assign(digest=frame["control_of"])
    return Evaluation(frame[~single & ~subset], subsets, frame[single])


def paired(first: pd.DataFrame, second: pd.DataFrame, on: Sequence[str] = ()) -> Comparison:
    """The first condition minus the second on the same universe, protocol and seed.

    Args:
        first: rows of the evaluation.
        second: those of the other condition.
        on: columns that name a pair within a seed; without any each condition is averaged within
            the seed first. What has no partner is left out; pairs are averaged within a seed.
    """
    if not (first["value"].notna().any() and second["value"].notna().any()):
        return NOTHING
    keys = [*SEED, *on]
    columns = ["value", "n_selected", *(["n_steps"] if "n_steps" in first else [])]
    one, other = (
        frame.dropna(subset=["value"]).groupby(keys, sort=True)[columns].mean().reset_index()
        for frame in (first, second)
    )
    both = one.merge(other, on=keys, suffixes=("", "_other"))
    difference = both.assign(
        value=both["value"] - both["value_other"],
        first=both["value"],
        images=both["n_selected"] / both["n_selected_other"].replace(0, np.nan),
        steps=np.nan,
    )
    if "n_steps" in columns:
        difference["steps"] = both["n_steps"] / both["n_steps_other"].replace(0, np.nan)
    numbers = ["value", "first", "images", "steps"]
    seeds = difference.groupby(SEED, sort=True)[numbers].mean().reset_index()
    rows = pd.concat([frame[[*keys, "row"]] for frame in (first, second)])
    return Comparison(seeds, rows.merge(both[keys], on=keys)[[*SEED, "row"]])


def minus(first: Comparison, second: Comparison) -> Comparison:
    """The difference of two comparisons on the same seeds."""
    both = first.seeds.merge(second.seeds[[*SEED, "value"]], on=SEED, suffixes=("", "_other"))
    value = both["value"] - both["value_other"]
    seeds = both.assign(value=value, first=np.nan).drop(columns="value_other")
    rows = pd.concat([first.rows, second.rows]).merge(seeds[SEED], on=SEED)
    return Comparison(seeds, rows)


def cluster_against(
    data: Evaluation,
    control: str,
    *,
    metric: str,
    attack: str,
    clusterer: str,
    rule: str = "random",
    whole: bool = False,
) -> Comparison:
    """One random cluster minus a control, mean over the settings of the clusterer after PCA.

    Args:
        data: the evaluation.
        control: ``subset``, the equally large random subset of each selection; or a model without
            clusters: ``all``, ``none``, ``classic``.
        metric: accuracy that is compared.
        attack: attack of training and test.
        clusterer: name of the clusterer.
        rule: the rule that chose the images.
        whole: the settings that select all images, in place of those that do not.
    """
    # Several claims rest on the same comparison: a gain, its lack of a loss, a gap.
    key = (control, metric, attack, clusterer, rule, whole)
    if key not in data.known:
        chosen = data.random(metric, attack, clusterer, rule=rule)
        chosen = chosen[chosen["whole"] == whole]
        data.known[key] = (
            paired(
                chosen,
                data.subset(metric, attack),
                ["reduction", "clusterer", "setting", "digest"],
            )
            if control == "subset"
            else paired(chosen, data.model(metric, attack, control))
        )
    return data.known[key]


def gap_closed(data: Evaluation, *, attack: str, clusterer: str) -> Comparison:
    """By how much one random cluster has the smaller gap than adversarial training.

    The gap is clean minus adversarial accuracy.
    """
    adversarial, clean = (
        cluster_against(data, "all", metric=metric, attack=attack, clusterer=clusterer)
        for metric in (ADVERSARIAL, CLEAN)
    )
    return minus(adversarial, clean)


def numbers_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Selections of two clusters or more, by a clusterer that is asked for their number."""
    return frame[frame["n_clusters"] >= 2]


def one_clusterer_against(
    data: Evaluation, first: str, second: str, *, metric: str, attack: str
) -> Comparison:
    """One random cluster of a clusterer minus one of another.

    With as many clusters where both are asked for the number; else the mean over the settings.
    """
    one, other = (data.random(metric, attack, name) for name in (first, second))
    if one["n_clusters"].notna().any() and other["n_clusters"].notna().any():
        return paired(numbers_of(one), numbers_of(other), ["n_clusters"])
    return paired(one[~one["whole"]], other[~other["whole"]])


def one_reduction_against(
    data: Evaluation, first: str, second: str, *, metric: str, attack: str, clusterer: str
) -> Comparison:
    """One random cluster after a reduction minus one after another, with as many clusters."""
    one, other = (
        numbers_of(data.random(metric, attack, clusterer, reduction=name))
        for name in (first, second)
    )
    return paired(one, other, ["n_clusters"])


def one_number_against(
    data: Evaluation, number: int, *, metric: str, attack: str, clusterer: str
) -> Comparison:
    """A number of clusters minus the mean of the other numbers from two on."""
    frame = numbers_of(data.random(metric, attack, clusterer))
    chosen = frame["n_clusters"] == number
    return paired(frame[chosen], frame[~chosen])


def change_of_curves(data: Evaluation, attacks: Sequence[str]) -> Comparison:
    """The slope of adversarial accuracy over the number of clusters, times its range.

    Least squares over the numbers from two on, which need three at least; mean over the curves of
    Tables 1 and 2 that were run, k-means and agglomerative clustering under each attack.
    """
    found, rows = [], []
    for attack in attacks:
        for clusterer in PAPER_CLUSTERERS:
            frame = numbers_of(data.random(ADVERSARIAL, attack, clusterer))
            curve = frame.groupby([*SEED, "n_clusters"], sort=True)["value"].mean().reset_index()
            for key, part in curve.groupby(SEED, sort=True):
                if len(part) > 2:
                    x, y = part["n_clusters"].to_numpy(float), part["value"].to_numpy(float)
                    value = change_of(x, y)
                    found.append((*key, value))
                    rows.append(frame.merge(part[SEED].head(1), on=SEED)[[*SEED, "row"]])
    seeds = pd.DataFrame(found, columns=[*SEED, "value"])
    seeds = seeds.groupby(SEED, sort=True)["value"].mean().reset_index()
    together = pd.concat(rows) if rows else pd.DataFrame(columns=[*SEED, "row"])
    return Comparison(seeds.assign(first=np.nan, images=np.nan, steps=np.nan), together)


def change_of(numbers: np.ndarray, values: np.ndarray) -> float:
    """Change of a curve from its first to its last number, along its line of least squares.

    Args:
        numbers: (n,) rising numbers of clusters, three at least.
        values: (n,) the curve.
    """
    x = numbers - numbers.mean()
    return float(x @ values / (x @ x) * np.ptp(numbers))
