"""Tables of attacks: every metric of an experiment with its interval, beside a reference attack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from advlearn.report.frames import groups, ordered, records
from advlearn.report.numbers import ABSENT, number, plus_minus, with_interval
from advlearn.report.table import Group, Table
from advlearn.studies.topk.paper.common import (
    INTERVAL_COLUMNS,
    MEASURES,
    compare,
    interval_text,
    method_label,
    method_order,
    models,
    set_label,
    standing_notes,
    summarise,
)
from advlearn.studies.topk.paper.schema import TopkTidy
from advlearn.support.errors import UserError

_GROUP = ["model", "preset", "scheme", "labels", "n_specified"]


@dataclass(frozen=True)
class Varied:
    """What distinguishes the rows of an attack table beside k.

    Attributes:
        columns: tidy columns, a subset of method, surrogate, alpha, knowledge and hidden.
        headings: heading of each column.
        reference: value of each column for the attack that the others are compared with.
        base: name of that attack, for the caption.
        label: readable form of a value.
    """

    columns: Sequence[str]
    headings: Sequence[str]
    reference: Mapping[str, object]
    base: str
    label: Callable[[Any], str] = str


METHOD = Varied(["method"], ["method"], {"method": "tkmia"}, "TkMIA", method_label)


def experiment(tidy: TopkTidy, name: str) -> pd.DataFrame:
    """The rows of ``topk_metrics.csv`` of one experiment but the times.

    Times differ from run to run, and the same run gives the same tables byte for byte.

    Raises:
        UserError: the run has none.
    """
    metrics = tidy["topk_metrics"]
    frame = metrics[(metrics["experiment"] == name) & (metrics["metric"] != "seconds")]
    if frame.empty:
        raise UserError(
            f"the run has no experiment {name!r}",
            where=f"{tidy.folder}/topk_metrics.csv",
            remedy="run the attacks of this experiment, then collect again",
        )
    return frame


def attack_table(
    tidy: TopkTidy,
    name: str,
    varied: Varied,
    *,
    title: str,
    caption: str,
    notes: Sequence[str] = (),
) -> Table:
    """All metrics of an experiment; one group a model and label set, one row a k and attack.

    Args:
        tidy: the run.
        name: name of the experiment.
        varied: what distinguishes the rows.
        title: title of the table.
        caption: first sentences of its caption.
        notes: remarks of this table.

    Raises:
        UserError: the run has no such experiment.
    """
    summary = summarise(experiment(tidy, name))
    images = tidy["topk_images"][tidy["topk_images"]["experiment"] == name]
    by = [*_GROUP, "k"]
    paired = compare(images, varied.columns, dict(varied.reference), by)
    summary = ordered(
        summary,
        [*_GROUP, "k", "method", "surrogate", "alpha", "knowledge", "hidden"],
        model=models(tidy),
        method=method_order(list(summary["method"])),
        knowledge=["truth"],
    )
    ratios = {
        tuple(row[key] for key in [*by, *varied.columns]): row
        for row in records(paired[paired["quantity"] == "l2_ratio"])
    }
    blocks = []
    for key, part in groups(summary, _GROUP):
        model, preset, scheme, labels, n_specified = key
        extra = "" if preset == tidy.study.preset else f", preset {preset}"
        heading = f"{model}, {set_label(scheme, labels, n_specified)}{extra}"
        rows = []
        for line, cells in groups(part, ["k", *varied.columns]):
            ratio = ratios.get((*key, *line))
            if all(line[1 + i] == varied.reference[c] for i, c in enumerate(varied.columns)):
                ratio = {"mean": 1.0, "ci_low": float("nan"), "ci_high": float("nan")}
            rows.append([number(line[0], 0), *map(varied.label, line[1:]), *_numbers(cells, ratio)])
        blocks.append(Group(heading, rows))
    return Table(
        title=title,
        caption=(
            f"{caption} n: images attacked (the first eligible ones). ASR: share of them in which"
            " no specified label is left in the top k. Stealth ASR: the same, and none of the four"
            " measures is below its clean value. L2: mean norm of the perturbation over the"
            " successes, pixels in [0, 1]. Measures: adversarial minus clean, mean over all images"
            f" attacked, failures included. L2 ratio: to {varied.base}, geometric mean over the"
            f" images on which both succeed. Iterations: mean. {interval_text(tidy)}"
        ),
        frame=pd.concat([summary, _paired_rows(summary, paired, varied)], ignore_index=True),
        columns=[
            *["k", *varied.headings, "n", "ASR", "stealth ASR", "L2", "L2 ratio"],
            *[*MEASURES.values(), "iterations"],
        ],
        groups=blocks,
        notes=[
            *standing_notes(tidy),
            *notes,
            "The CSV file has all metrics but the time, over all images and over successes, and the"
            " paired differences to the reference (over = paired). Norms over successes of attacks"
            " that succeed on different images do not compare like with like; the ratio does.",
        ],
        wide=True,
    )


def _numbers(cells: pd.DataFrame, ratio: Mapping[str, Any] | None) -> list[str]:
    found = {(row["over"], row["metric"]): row for row in records(cells)}

    def get(over: str, metric: str, name: str) -> float:
        row = found.get((over, metric))
        return float("nan") if row is None else float(row[name])

    def bounds(over: str, metric: str) -> tuple[float, float, float]:
        mean, low, high = (get(over, metric, name) for name in ("mean", "ci_low", "ci_high"))
        return mean, low, high

    n = get("eligible", "asr", "n")
    return [
        "n = 0" if n == 0 else number(n, 0),
        with_interval(*bounds("eligible", "asr")),
        with_interval(*bounds("eligible", "stealth_asr")),
        plus_minus(*bounds("success", "l2")),
        ABSENT
        if ratio is None
        else with_interval(float(ratio["mean"]), float(ratio["ci_low"]), float(ratio["ci_high"])),
        *(plus_minus(*bounds("eligible", name), sign=True) for name in MEASURES),
        number(get("eligible", "iterations", "mean"), 0),
    ]


def _paired_rows(summary: pd.DataFrame, paired: pd.DataFrame, varied: Varied) -> pd.DataFrame:
    """The comparisons as rows of the CSV file, metric = quantity, over = paired."""
    line = [name for name in summary.columns if name not in ("over", "metric", "n_eligible")]
    line = [name for name in line if name not in INTERVAL_COLUMNS]
    keys = [*_GROUP, "k", *varied.columns]
    rows = paired.rename(columns={"quantity": "metric"}).assign(over="paired")
    return rows.merge(summary[line].drop_duplicates(keys), on=keys, how="left")
