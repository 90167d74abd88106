"""The classifiers on clean images."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import ordered, records
from advlearn.report.intervals import over_seeds
from advlearn.report.numbers import number, with_interval
from advlearn.report.table import Group, Table
from advlearn.studies.topk.paper.common import models, standing_notes
from advlearn.studies.topk.paper.schema import TopkTidy

_KEYS = ["dataset", "model", "split", "metric"]
_SHOWN = {"class_map": "mAP over classes", "sample_map": "mAP over images"}
_CLASS = "class_ap:"


def build(tidy: TopkTidy) -> Table:
    """Average precision of every model, each split; lowest and highest class beside the means."""
    raw = tidy["topk_models"]
    frame = over_seeds(raw, _KEYS).drop(columns=["prediction_low", "prediction_high"])
    counts = raw.groupby(_KEYS, sort=True)[["n_images", "n_classes"]].max().reset_index()
    # A class without a positive image has no average precision; its row stays, without a value.
    frame = counts.merge(frame, on=_KEYS, how="left")
    frame["single"] = frame["metric"].str.startswith(_CLASS)
    frame = ordered(
        frame,
        ["model", "split", "single", "metric"],
        model=models(tidy),
        split=["test"],
        metric=[*_SHOWN, *(_CLASS + name for name in tidy.study.class_names)],
    ).drop(columns="single")
    rows = [
        _row(str(model), str(split), part)
        for (model, split), part in frame.groupby(["model", "split"], sort=False)
    ]
    seeds = len(tidy.study.seeds)
    return Table(
        title="Classifiers on clean images",
        caption=(
            "Average precision over the images of the split: mean over classes, mean over images,"
            f" and the lowest and highest single class; {seeds} seed{'s' if seeds > 1 else ''}"
            + (" [95 % Student-t interval]." if seeds > 1 else ".")
        ),
        frame=frame,
        columns=["model", "split", *_SHOWN.values(), "lowest class", "highest class", "images"],
        groups=[Group("", rows)],
        notes=[
            *standing_notes(tidy),
            "Attacks are judged on the test split; the validation split chose the epoch.",
        ],
    )


def _row(model: str, split: str, part: pd.DataFrame) -> list[str]:
    by_metric = {str(row["metric"]): row for row in records(part)}
    nothing = {name: float("nan") for name in ("mean", "ci_low", "ci_high")}
    means = [by_metric.get(metric, nothing) for metric in _SHOWN]
    classes = part[part["metric"].str.startswith(_CLASS) & part["mean"].notna()]
    extremes = ["–", "–"]
    if len(classes):
        ends = (classes["mean"].argmin(), classes["mean"].argmax())
        extremes = [
            f"{number(row['mean'])} {row['metric'].removeprefix(_CLASS)}"
            for row in (records(classes)[end] for end in ends)
        ]
    return [
        model,
        split,
        *(with_interval(row["mean"], row["ci_low"], row["ci_high"]) for row in means),
        *extremes,
        number(float(part["n_images"].max()), 0),
    ]
