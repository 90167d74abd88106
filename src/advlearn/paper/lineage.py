"""Rows of the tidy tables behind a line of a table, by the same conditions as the table's builder.

A test takes these rows away and scrambles all others: the line changes with the first, not with the
second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from advlearn.paper.bilevel import named
from advlearn.paper.selective import POOLED, cells, cluster_number
from advlearn.paper.tables import bilevel_attacks, bilevel_blackbox, bilevel_onepoint
from advlearn.paper.tables.selective_table3_overall import ATTACK, SINGLE
from advlearn.paper.tables.topk_alpha import smallest
from advlearn.paper.tidy import TOPK_CELL, Tidy
from advlearn.paper.topk import primary_images, relevance_groups

SOURCES = {
    "selective_metrics": "evaluate",
    "selective_sanity": "evaluate",
    "selective_embedding": "evaluate",
    "selective_examples": "evaluate",
    "selective_calibration": "calibrate",
    "topk_metrics": "topk_attack",
    "topk_images": "topk_attack",
    "topk_examples": "topk_attack",
    "topk_models": "topk_pretrain",
    "topk_transfer": "topk_transfer",
    "bilevel_formulas": "bilevel_delta",
    "bilevel_moved": "bilevel_delta",
    "bilevel_monotone": "bilevel_delta",
    "bilevel_agreement": "bilevel_delta",
    "bilevel_path": "bilevel_path",
    "bilevel_trajectories": "bilevel_path",
    "bilevel_intervals": "bilevel_certify",
    "bilevel_sandwich": "bilevel_certify",
    "bilevel_calmness": "bilevel_certify",
    "bilevel_defence": "bilevel_certify",
    "bilevel_attacks": "bilevel_attack",
    "bilevel_staircase": "bilevel_attack",
    "bilevel_blackbox": "bilevel_blackbox",
    "bilevel_onepoint": "bilevel_onepoint",
}
"""Tidy table -> the last rule before collecting, whose jobs made its rows."""

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """Rows of one tidy table that a number is computed from.

    Attributes:
        table: name of the tidy table.
        role: what they are to the number.
        rows: the rows, indexed as in the file: row ``i`` stands on line ``i + 2``.
    """

    table: str
    role: str
    rows: pd.DataFrame


Find = Callable[[Tidy, Line, str], list[Part]]


@dataclass(frozen=True)
class Lineage:
    """Where the numbers of a table come from.

    Attributes:
        keys: columns of the table that name a line.
        how: how a number follows from the rows.
        parts: (run, line of the table, column) -> rows behind that number.
        published: columns that lead to the published number beside a line, as (column of the
            table, column of the published file); empty where there is no published table.
    """

    keys: Sequence[str]
    how: str
    parts: Find
    published: Sequence[tuple[str, str]] = ()


def behind(name: str, tidy: Tidy, line: Line, column: str) -> list[Part]:
    """Rows behind the number in ``column`` of a line of the table ``name``.

    Args:
        name: name of the table, a key of `LINEAGE`.
        tidy: the run.
        line: the line, with the types of the table's builder.
        column: the column.
    """
    lineage = LINEAGE[name]
    return [part for part in lineage.parts(tidy, line, column) if len(part.rows)]


def published_behind(name: str, tidy: Tidy, line: Line) -> pd.DataFrame | None:
    """The published number beside a line, with its row in the published file, or none."""
    pairs = LINEAGE[name].published
    if not pairs or pd.isna(line.get("published")):
        return None
    return where(tidy.published(name), {theirs: line[ours] for ours, theirs in pairs})


def where(frame: pd.DataFrame, line: Line, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The rows with the line's values in these columns (all by default); missing is a value."""
    keep = pd.Series(True, index=frame.index)
    for name in line if columns is None else columns:
        value = line[name]
        keep &= frame[name].isna() if pd.isna(value) else frame[name] == value
    return frame[keep]


# Study 1.

_SCOPE = ["universe", "protocol"]
_CONTROLLED = [*_SCOPE, "attack", "reduction", "clusterer", "rule", "metric"]
_CONTROLS = {
    "subset": "control: random subsets of equal size",
    "all": "control: training on all adversarial images",
    "none": "control: retraining on clean images only",
}


def _test(tidy: Tidy, line: Line, columns: Sequence[str], **more: object) -> pd.DataFrame:
    return where(where(tidy.metrics, line, columns), {"split": "test", **more})


def _values(rows: pd.DataFrame) -> list[Part]:
    return [Part("selective_metrics", "values", rows)]


def _baselines(tidy: Tidy, line: Line, column: str) -> list[Part]:
    attack = [] if line["attack"] == "any" else ["attack"]
    return _values(_test(tidy, line, [*_SCOPE, "rule", "metric", *attack], clusterer="single"))


def _clusters(tidy: Tidy, line: Line, column: str) -> list[Part]:
    fixed = {"clusterer": line["algorithm"], "rule": "random", "reduction": "pca"}
    rows = _test(tidy, line, [*_SCOPE, "attack", "metric"], **fixed)
    return _values(rows[cluster_number(rows["setting"]).eq(line["n_clusters"]).fillna(False)])


def _overall(tidy: Tidy, line: Line, column: str) -> list[Part]:
    algorithm = line["algorithm"]
    if algorithm in SINGLE:
        fixed = {"attack": ATTACK, "clusterer": "single", "rule": SINGLE[algorithm]}
        return _values(_test(tidy, line, [*_SCOPE, "metric"], **fixed))
    fixed = {"attack": ATTACK, "clusterer": algorithm, "rule": "random"}
    tried = where(tidy.metrics, {name: line[name] for name in _SCOPE} | fixed)
    tried = where(tried, {"split": "validation", "metric": "average_accuracy"})
    if line["reduction"] == "pca":
        # Other reductions count only where there is no map of the principal components.
        tried = where(tried, {"reduction": "pca"})
    rows = _test(tidy, line, [*_SCOPE, "metric", "reduction", "setting"], **fixed)
    choice = Part("selective_metrics", "validation values by which the setting was chosen", tried)
    return [choice] if column == "validation_average" else [*_values(rows), choice]


def _controls(tidy: Tidy, line: Line, column: str) -> list[Part]:
    if line["setting"] == POOLED:
        rows = _test(tidy, line, _CONTROLLED)
        partial = where(cells(tidy), line, _CONTROLLED)
        partial = partial[~partial["whole"].astype(bool)]
        rows = rows[_keys(rows, "setting", "seed").isin(_keys(partial, "setting", "seed"))]
    else:
        rows = _test(tidy, line, [*_CONTROLLED, "setting"])
    control = column.removeprefix("difference_").partition("_")[0]
    if not column.startswith("difference_") or control not in _CONTROLS:
        return _values(rows)
    same = [*_SCOPE, "attack", "metric"]
    if control == "subset":
        other = _test(tidy, line, [*same, "reduction", "clusterer"], rule="subset")
        mine = _keys(rows, "setting", "seed", "digest")
        other = other[_keys(other, "setting", "seed", "paired_digest").isin(mine)]
    else:
        other = _test(tidy, line, same, clusterer="single", rule=control)
        other = other[other["seed"].isin(rows["seed"])]
    return [*_values(rows), Part("selective_metrics", _CONTROLS[control], other)]


def _keys(frame: pd.DataFrame, *columns: str) -> pd.Series:
    """One value a row for several columns."""
    return pd.Series(list(zip(*(frame[name] for name in columns), strict=True)), index=frame.index)


# Study 2.

_ATTACK = [name for name in TOPK_CELL if name != "seed"]


def _attacks(**reference: object) -> Find:
    def parts(tidy: Tidy, line: Line, column: str) -> list[Part]:
        if line["over"] != "paired":
            keys = [*_ATTACK, "preset", "over", "metric"]
            return [Part("topk_metrics", "values", where(tidy.topk_metrics, line, keys))]
        base = {name: smallest(tidy) if name == "alpha" else reference[name] for name in reference}
        # Methods are compared each with its own loss and weight of the norm.
        own = [] if "method" in base else ["method", "surrogate", "alpha", "knowledge", "hidden"]
        fixed = [name for name in _ATTACK if name not in _VARIED]
        same = {name: line[name] for name in [*fixed, *own]}
        rows = where(tidy.topk_images, {**same, **{name: line[name] for name in base}})
        other = where(tidy.topk_images, {**same, **base})
        both = set(_keys(rows, "seed", "image")) & set(_keys(other, "seed", "image"))
        if line["metric"] != "asr_difference":
            for each in (rows, other):
                both &= set(_keys(each[each["success"] & (each["l2"] > 0)], "seed", "image"))
        return [
            Part("topk_images", role, each[_keys(each, "seed", "image").isin(both)])
            for role, each in (("values", rows), ("reference on the same images", other))
        ]

    return parts


_VARIED = ("method", "surrogate", "alpha", "knowledge", "hidden")


def _cardinality(tidy: Tidy, line: Line, column: str) -> list[Part]:
    images = primary_images(tidy)
    images = images[relevance_groups(images["n_relevant"]) == line["relevant"]]
    rows = where(images, line, ["dataset", "model", "scheme", "k", "method"])
    if line["metric"] == "l2" and column != "density":
        rows = rows[rows["success"]]
    return [Part("topk_images", "values", rows)]


def _same(table: str, keys: Sequence[str]) -> Find:
    """Rows of a tidy table that share the line's keys."""

    def parts(tidy: Tidy, line: Line, column: str) -> list[Part]:
        return [Part(table, "values", where(getattr(tidy, table), line, keys))]

    return parts


# Study 3.


def _measured(table: str, keys: Sequence[str]) -> Find:
    """Rows that share the line's keys and have a value of the line's metric."""

    def parts(tidy: Tidy, line: Line, column: str) -> list[Part]:
        frame = getattr(tidy, table)
        rows = frame.loc[where(named(frame, keys), line, keys).index]
        metric = line["metric"]
        if table == "bilevel_attacks" and metric != "reached" and column not in _COUNTS:
            # Means are over the seeds in which the attack reached its target.
            rows = rows[rows["reached"].fillna(1.0) > 0]
        if metric in rows.columns and metric != "reached":
            rows = rows[rows[metric].notna()]
        return [Part(table, "values", rows)]

    return parts


_COUNTS = ("reached", "seeds")
_INTERVAL = ["dataset", "weights", "n", "d", "n_clusters"]


def _intervals(tidy: Tidy, line: Line, column: str) -> list[Part]:
    frame = where(tidy.bilevel_intervals, line, _INTERVAL)
    parts = [Part("bilevel_intervals", "values", where(frame, line, ["bound"]))]
    if column == "ratio":
        parts.append(
            Part("bilevel_intervals", "the true interval", where(frame, {"bound": "true"}))
        )
    return parts


def _agreement(tidy: Tidy, line: Line, column: str) -> list[Part]:
    keys = ["n_clusters"] if line["part"] == "n_clusters" else ["kind", "scenario", "balance"]
    rows = where(tidy.bilevel_agreement, line, [*keys, "deviation"])
    return [Part("bilevel_agreement", "values", rows[rows["kendall_tau"].notna()])]


_OVER_SEEDS = (
    "mean over seeds, after averaging what one seed has several of; ci_low, ci_high: 95 % Student-t"
    " interval over the seeds, missing for one seed"
)
_BESIDE = (
    f"{_OVER_SEEDS}; prediction_low, prediction_high: where one further run would fall;"
    " difference: mean minus published"
)
_OF_ATTACKS = (
    "by the column interval: wilson = share of all attacked images with its 95 % Wilson interval;"
    " seeds = mean over seeds with its 95 % Student-t interval; images = the same over the images"
    " of the only seed. over = paired: the attack beside the reference attack, image by image"
)
_LINE_OF_TABLE = "the row itself"
_ATTACK_KEYS = [*_ATTACK, "preset", "over", "metric"]
_TABLE1 = ("n_clusters", "algorithm", "metric")

LINEAGE: dict[str, Lineage] = {
    "selective_baselines": Lineage(
        [*_SCOPE, "rule", "attack", "metric"],
        _BESIDE,
        _baselines,
        [("quantity", "quantity")],
    ),
    "selective_table1_fgsm": Lineage(
        [*_SCOPE, "attack", *_TABLE1], _BESIDE, _clusters, [(name, name) for name in _TABLE1]
    ),
    "selective_table2_pgd": Lineage(
        [*_SCOPE, "attack", *_TABLE1], _BESIDE, _clusters, [(name, name) for name in _TABLE1]
    ),
    "selective_table3_overall": Lineage(
        [*_SCOPE, "algorithm", "metric"],
        _BESIDE,
        _overall,
        [("algorithm", "algorithm"), ("metric", "metric")],
    ),
    "selective_controls": Lineage(
        [*_CONTROLLED, "setting"],
        f"{_OVER_SEEDS}; difference_*: value minus that of the control on the same seed",
        _controls,
    ),
    "topk_global": Lineage(_ATTACK_KEYS, _OF_ATTACKS, _attacks(method="tkmia")),
    "topk_random": Lineage(_ATTACK_KEYS, _OF_ATTACKS, _attacks(method="tkmia")),
    "topk_relaxation": Lineage(_ATTACK_KEYS, _OF_ATTACKS, _attacks(surrogate="average")),
    "topk_alpha": Lineage(_ATTACK_KEYS, _OF_ATTACKS, _attacks(alpha=None)),
    "topk_unknown_labels": Lineage(
        _ATTACK_KEYS, _OF_ATTACKS, _attacks(knowledge="truth", hidden=0.0)
    ),
    "topk_models": Lineage(
        ["dataset", "model", "split", "metric"],
        _OVER_SEEDS,
        _same("topk_models", ["dataset", "model", "split", "metric"]),
    ),
    "topk_transfer": Lineage(
        ["dataset", "source", "target", "method", "k", "n_specified", "metric"],
        _OF_ATTACKS.partition(". over")[0],
        _same(
            "topk_transfer",
            ["dataset", "source", "target", "method", "k", "n_specified", "metric"],
        ),
    ),
    "topk_cardinality": Lineage(
        ["dataset", "model", "scheme", "k", "relevant", "method", "metric"],
        "asr: share of the attacks with its 95 % Wilson interval; l2: mean over the images with a"
        " success (once a seed), interval as the column interval says",
        _cardinality,
    ),
    "bilevel_delta_formulas": Lineage(
        ["formula", "n_clusters", "range"],
        _LINE_OF_TABLE,
        _same("bilevel_formulas", ["formula", "n_clusters", "range"]),
    ),
    "bilevel_gamma_interval": Lineage(
        [*_INTERVAL, "bound"],
        f"{_LINE_OF_TABLE}; certifies: low < high; ratio: low by the true low",
        _intervals,
    ),
    "bilevel_attacks": Lineage(
        [*bilevel_attacks.KEYS, "metric"],
        f"{_OVER_SEEDS}; over the seeds in which the target was reached",
        _measured("bilevel_attacks", bilevel_attacks.KEYS),
    ),
    "bilevel_blackbox": Lineage(
        [*bilevel_blackbox.KEYS, "metric"],
        _OVER_SEEDS,
        _measured("bilevel_blackbox", bilevel_blackbox.KEYS),
    ),
    "bilevel_onepoint": Lineage(
        [*bilevel_onepoint.KEYS, "metric"],
        _OVER_SEEDS,
        _measured("bilevel_onepoint", bilevel_onepoint.KEYS),
        [("pair", "row"), ("victim", "algorithm"), ("metric", "metric")],
    ),
    "bilevel_deviation_agreement": Lineage(
        ["part", "kind", "scenario", "balance", "n_clusters", "deviation"],
        "Kendall's tau, averaged over the scenarios of the line within each seed; mean over seeds,"
        " 95 % Student-t interval",
        _agreement,
    ),
}
"""Table name -> where its numbers come from."""
