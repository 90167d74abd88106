"""One changed point on pairs of digits, beside the published attack of Chhabra et al. (2020)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from advlearn.report.frames import groups, ordered, records
from advlearn.report.numbers import ABSENT, significant_interval
from advlearn.report.table import Group, Table
from advlearn.studies.bilevel.paper.common import (
    DATASET_LABELS,
    METHOD_LABELS,
    METHODS,
    VICTIM_LABELS,
    VICTIMS,
    label,
    means,
    seeds_text,
)
from advlearn.studies.bilevel.paper.schema import BilevelTidy

KEYS = ["pair", "victim", "method"]
METRICS = ("misclustered", "delta_squared", "l0", "l2", "linf", "queries")
PUBLISHED = "published"
"""Method of the published rows."""


def measure(tidy: BilevelTidy) -> pd.DataFrame:
    """Means over the seeds and the published values, one row each.

    Returns:
        `KEYS`, metric, mean, ci_low, ci_high, n, and where the published table has the same pair,
        victim and metric, published, source and note. A published value that stands beside no
        row of ours has a row with the method ``published`` and no mean.
    """
    ours = means(tidy["bilevel_onepoint"], KEYS, METRICS)
    published = tidy.published("bilevel_onepoint").rename(
        columns={"row": "pair", "algorithm": "victim"}
    )[["pair", "victim", "metric", "published", "source", "note"]]
    alone = published.assign(method=PUBLISHED, n=0)
    beside = ours.merge(published, on=["pair", "victim", "metric"], how="left")
    frame = pd.concat([beside, alone], ignore_index=True)
    return ordered(
        frame.astype({"n": int}),
        [*KEYS, "metric"],
        victim=VICTIMS,
        method=[PUBLISHED, *METHODS],
        metric=METRICS,
    )


def build(tidy: BilevelTidy) -> Table:
    """One row a victim and method; one group a pair.

    Raises:
        UserError: the tidy or the published table is missing, has no rows or is damaged.
    """
    frame = measure(tidy)
    blocks = []
    for (pair,), part in groups(frame, ["pair"]):
        rows = []
        for (victim, method), cells in groups(part, ["victim", "method"]):
            found = {str(row["metric"]): row for row in records(cells)}
            rows.append(
                [
                    label(VICTIM_LABELS, victim),
                    "published attack" if method == PUBLISHED else label(METHOD_LABELS, method),
                    *(_cell(found.get(metric), method == PUBLISHED) for metric in METRICS),
                ]
            )
        blocks.append(Group(label(DATASET_LABELS, pair), rows))
    sources = frame.loc[frame["method"] == PUBLISHED, "source"].dropna().unique()
    return Table(
        title="One changed point on pairs of digits",
        caption=(
            "Points that leave their cluster when one point of the pair is changed (the changed"
            " point counts), squared delta-measure, number of changed features, Euclidean and"
            " largest change of the point (pixels from 0 to 16), and clusterings asked for. Rows"
            " 'published attack' describe the published arrays (source below); the others were made"
            f" here. {seeds_text(tidy)}"
        ),
        frame=frame,
        columns=["victim", "method", "misclustered", "δ²", "ℓ0", "ℓ2", "ℓ∞", "queries"],
        groups=blocks,
        notes=[f"Published: {str(source).rstrip('.')}." for source in sources],
    )


def _cell(row: dict[str, Any] | None, published: bool) -> str:
    if row is None:
        return ABSENT
    if published:
        return f"{float(row['published']):g}"
    return significant_interval(float(row["mean"]), float(row["ci_low"]), float(row["ci_high"]))
