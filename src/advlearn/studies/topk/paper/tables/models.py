"""The classifiers on clean images."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import groups, ordered, records
from advlearn.report.intervals import BOUNDS, over_seeds
from advlearn.report.labels import Labels
from advlearn.report.numbers import ABSENT, format_number, with_interval
from advlearn.report.table import Group, Source, Table
from advlearn.studies.topk.paper.notes import SAY, standing_notes
from advlearn.studies.topk.paper.run import TopkTidy

_KEYS = ["dataset", "model", "split", "metric"]
_MEANS = Labels({"class_map": "mAP over classes", "sample_map": "mAP over images"})
_CLASS = "class_ap:"


def build(run: TopkTidy) -> Table:
    """Average precision of every model, each split; lowest and highest class beside the means."""
    raw = run["topk_models"]
    frame = over_seeds(raw, _KEYS).drop(columns=["prediction_low", "prediction_high"])
    counts = raw.groupby(_KEYS, sort=True)[["n_images", "n_classes"]].max().reset_index()
    # A class without a positive image has no average precision; its row stays, without a value.
    frame = ordered(
        counts.merge(frame, on=_KEYS, how="left"),
        ["model", "split", "metric"],
        model=run.models,
        split=["test"],
        metric=[*_MEANS, *(_CLASS + name for name in run.study.class_names)],
    )
    rows = [
        [model, split, *_numbers(part)]
        for (model, split), part in groups(frame, ["model", "split"])
    ]
    return Table(
        title="Classifiers on clean images",
        caption=SAY.models(len(run.study.seeds)),
        frame=frame,
        columns=["model", "split", *map(_MEANS, _MEANS), "lowest class", "highest class", "images"],
        groups=[Group("", rows)],
        notes=[*standing_notes(run), SAY.splits()],
        keys=_KEYS,
        how=(
            "mean over seeds, after averaging what one seed has several of; ci_low, ci_high: 95 %"
            " Student-t interval over the seeds, missing for one seed"
        ),
        sources=[Source("topk_models", raw)],
    )


def _numbers(part: pd.DataFrame) -> list[str]:
    by_metric = part.set_index("metric")[BOUNDS].reindex(list(_MEANS))
    of_classes = part[part["metric"].str.startswith(_CLASS)].dropna(subset="mean")
    ends = [ABSENT, ABSENT]
    if len(of_classes):
        extremes = of_classes.loc[[of_classes["mean"].idxmin(), of_classes["mean"].idxmax()]]
        ends = [
            f"{format_number(row['mean'])} {row['metric'].removeprefix(_CLASS)}"
            for row in records(extremes)
        ]
    return [
        *(with_interval(*row) for row in by_metric.itertuples(index=False)),
        *ends,
        format_number(float(part["n_images"].max()), 0),
    ]
