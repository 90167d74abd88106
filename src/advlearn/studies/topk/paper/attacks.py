"""Tables of attacks: every metric of an experiment, and comparisons with a reference attack."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from advlearn.report.frames import groups, ordered
from advlearn.report.intervals import BOUNDS
from advlearn.report.numbers import format_number, plus_minus, with_interval
from advlearn.report.table import Group, Source, Table
from advlearn.studies.topk.paper.labels import MEASURES, METHODS, label_set
from advlearn.studies.topk.paper.notes import SAY, interval_text, standing_notes
from advlearn.studies.topk.paper.pairs import mean_differences, pairs
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.summaries import PER_IMAGE, over_images_and_seeds, per_image
from advlearn.studies.topk.schema import CELL

INTERVALS = (
    "by the column interval: crossed = mean over attacks with a 95 % interval for further images"
    " and seeds (pigeonhole variance, t quantiles); images = the same for one seed; seeds = mean"
    " over seeds with its 95 % Student-t interval; wilson = share of all attacked images with its"
    " 95 % Wilson interval"
)
"""How a number follows from the rows of an attack."""
_PAIRED = ". over = paired: the attack beside the reference attack, image by image"
_GROUP = ["model", "preset", "scheme", "labels", "n_specified"]
_ATTACK = ["method", "surrogate", "alpha", "knowledge", "hidden"]
_SHOWN = [
    *[("eligible", "asr"), ("eligible", "stealth_asr"), ("success", "l2"), ("paired", "l2_ratio")],
    *(("eligible", name) for name in (*MEASURES, "iterations")),
]
"""Columns over and metric of the numbers in the readable form."""


@dataclass(frozen=True)
class Comparison:
    """What distinguishes the rows of an attack table apart from k.

    Attributes:
        reference: tidy column, one of method, surrogate, alpha, knowledge and hidden -> its value
            for the attack that the others are compared with.
        headings: heading of each column.
        base: name of the reference attack, for the caption.
        label: readable form of a value.
    """

    reference: Mapping[str, object]
    headings: Sequence[str]
    base: str
    label: Callable[[Any], str] = str


METHOD = Comparison({"method": "tkmia"}, ["method"], "TkMIA", METHODS)


def attack_table(
    run: TopkTidy, name: str, compared: Comparison, *, title: str, caption: str
) -> Table:
    """All metrics of an experiment; one group a model and label set, one row a k and attack.

    Args:
        run: the run.
        name: name of the experiment.
        compared: what distinguishes the rows.
        title: title of the table.
        caption: first sentences of its caption.
    """
    metrics = run.experiment(name)
    outcomes = run.images(name)
    summary = ordered(
        over_images_and_seeds(metrics, outcomes),
        [*_GROUP, "k", *_ATTACK],
        model=run.models,
        method=METHODS.order(metrics["method"]),
        knowledge=["truth"],
    )
    images = pairs(outcomes, compared.reference).assign(over="paired")
    line = [*_GROUP, "k", *compared.reference]
    attacks = summary[["dataset", "experiment", *_GROUP, "k", *_ATTACK]].drop_duplicates(line)
    paired = mean_differences(images, [*line, "over"]).merge(attacks, on=line, how="left")
    frame = pd.concat([summary, paired[[c for c in paired if c in summary]]], ignore_index=True)
    other = ~metrics["metric"].isin(list(PER_IMAGE))
    of_methods = [SAY.ml_cw_u(), SAY.projected()] if compared is METHOD else []
    return Table(
        title=title,
        caption=SAY.attacks(caption, compared.base, interval_text(run)),
        frame=frame,
        columns=[
            *["k", *compared.headings, "n", "ASR", "stealth ASR", "L2", "L2 ratio"],
            *[*map(MEASURES, MEASURES), "iterations"],
        ],
        groups=_groups(run, frame, compared),
        notes=[*standing_notes(run), *of_methods, SAY.csv_of_attacks()],
        wide=True,
        keys=[*(key for key in CELL if key != "seed"), "preset", "over", "metric"],
        how=INTERVALS + _PAIRED,
        sources=[
            Source("topk_metrics", metrics[other]),
            Source("topk_metrics", metrics[~other], "eligible images", {"n_eligible"}.__contains__),
            Source("topk_images", per_image(outcomes), columns=lambda name: name != "n_eligible"),
            Source("topk_images", images, row="row"),
            Source("topk_images", images, "reference on the same images", row="row_reference"),
        ],
    )


def _groups(run: TopkTidy, frame: pd.DataFrame, compared: Comparison) -> list[Group]:
    """The readable form of the table."""
    found = []
    for (model, preset, *labels), part in groups(frame, _GROUP):
        other = "" if preset == run.study.preset else f", preset {preset}"
        rows = []
        for (k, *values), cells in groups(part, ["k", *compared.reference]):
            is_reference = values == list(compared.reference.values())
            names = [format_number(k, 0), *map(compared.label, values)]
            rows.append([*names, *_numbers(cells, is_reference)])
        found.append(Group(f"{model}, {label_set(*labels)}{other}", rows))
    return found


def _numbers(cells: pd.DataFrame, is_reference: bool) -> list[str]:
    shown = cells.set_index(["over", "metric"]).reindex(pd.MultiIndex.from_tuples(_SHOWN))
    asr, stealth, l2, ratio, *changes, iterations = shown[BOUNDS].itertuples(index=False)
    n = float(shown["n"].iloc[0])
    return [
        "n = 0" if n == 0 else format_number(n, 0),
        with_interval(*asr),
        with_interval(*stealth),
        plus_minus(*l2),
        with_interval(1.0, math.nan, math.nan) if is_reference else with_interval(*ratio),
        *(plus_minus(*change, sign=True) for change in changes),
        format_number(iterations[0], 0),
    ]
