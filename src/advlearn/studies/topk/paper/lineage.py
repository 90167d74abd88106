"""Rows of study 2's tidy tables behind the numbers of its tables."""

from __future__ import annotations

import pandas as pd

from advlearn.report.lineage import (
    OVER_SEEDS,
    Find,
    Line,
    Lineage,
    Part,
    same,
    where,
)
from advlearn.studies.topk.paper.common import primary_images, relevance_groups
from advlearn.studies.topk.paper.schema import TOPK_CELL, TopkTidy
from advlearn.studies.topk.paper.tables.alpha import smallest

_ATTACK = [name for name in TOPK_CELL if name != "seed"]


def _attacks(**reference: object) -> Find:
    def parts(tidy: TopkTidy, line: Line, column: str) -> list[Part]:
        if line["over"] != "paired":
            keys = [*_ATTACK, "preset", "over", "metric"]
            return [Part("topk_metrics", "values", where(tidy["topk_metrics"], line, keys))]
        base = {name: smallest(tidy) if name == "alpha" else reference[name] for name in reference}
        # Methods are compared each with its own loss and weight of the norm.
        own = [] if "method" in base else ["method", "surrogate", "alpha", "knowledge", "hidden"]
        fixed = [name for name in _ATTACK if name not in _VARIED]
        same = {name: line[name] for name in [*fixed, *own]}
        rows = where(tidy["topk_images"], {**same, **{name: line[name] for name in base}})
        other = where(tidy["topk_images"], {**same, **base})
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


def _cardinality(tidy: TopkTidy, line: Line, column: str) -> list[Part]:
    images = primary_images(tidy)
    images = images[relevance_groups(images["n_relevant"]) == line["relevant"]]
    rows = where(images, line, ["dataset", "model", "scheme", "k", "method"])
    if line["metric"] == "l2" and column != "density":
        rows = rows[rows["success"]]
    return [Part("topk_images", "values", rows)]


def _keys(frame: pd.DataFrame, *columns: str) -> pd.Series:
    """One value a row for several columns."""
    return pd.Series(list(zip(*(frame[name] for name in columns), strict=True)), index=frame.index)


_OF_ATTACKS = (
    "by the column interval: wilson = share of all attacked images with its 95 % Wilson interval;"
    " seeds = mean over seeds with its 95 % Student-t interval; images = the same over the images"
    " of the only seed. over = paired: the attack beside the reference attack, image by image"
)
_ATTACK_KEYS = [*_ATTACK, "preset", "over", "metric"]
LINEAGE: dict[str, Lineage] = {
    "topk_global": Lineage(_ATTACK_KEYS, _OF_ATTACKS, _attacks(method="tkmia")),
    "topk_random": Lineage(_ATTACK_KEYS, _OF_ATTACKS, _attacks(method="tkmia")),
    "topk_relaxation": Lineage(_ATTACK_KEYS, _OF_ATTACKS, _attacks(surrogate="average")),
    "topk_alpha": Lineage(_ATTACK_KEYS, _OF_ATTACKS, _attacks(alpha=None)),
    "topk_unknown_labels": Lineage(
        _ATTACK_KEYS, _OF_ATTACKS, _attacks(knowledge="truth", hidden=0.0)
    ),
    "topk_models": Lineage(
        ["dataset", "model", "split", "metric"],
        OVER_SEEDS,
        same("topk_models", ["dataset", "model", "split", "metric"]),
    ),
    "topk_transfer": Lineage(
        ["dataset", "source", "target", "method", "k", "n_specified", "metric"],
        _OF_ATTACKS.partition(". over")[0],
        same(
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
}
"""Table name -> where its numbers come from."""
