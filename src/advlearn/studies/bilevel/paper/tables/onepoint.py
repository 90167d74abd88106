"""One changed point on pairs of digits, beside the published attack of Chhabra et al. (2020)."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import ordered
from advlearn.report.numbers import ABSENT
from advlearn.report.table import OVER_SEEDS, Source, Table, group_rows
from advlearn.studies.bilevel.paper.by_metric import interval, long_format, means, metrics_of
from advlearn.studies.bilevel.paper.labels import DATASETS, METHODS, VICTIMS
from advlearn.studies.bilevel.paper.words import SAY
from advlearn.studies.bilevel.schema import BilevelTidy

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
    ours = means(_long(tidy), KEYS)
    published = tidy.published("bilevel_onepoint").rename(
        columns={"row": "pair", "algorithm": "victim"}
    )[["pair", "victim", "metric", "published", "source", "note"]]
    alone = published.assign(method=PUBLISHED, n=0)
    beside = ours.merge(published, on=["pair", "victim", "metric"], how="left")
    return ordered(
        pd.concat([beside, alone], ignore_index=True).astype({"n": int}),
        [*KEYS, "metric"],
        victim=list(VICTIMS),
        method=[PUBLISHED, *METHODS],
        metric=METRICS,
    )


def build(tidy: BilevelTidy) -> Table:
    """One row a victim and method; one group a pair."""
    frame = measure(tidy)
    sources = frame.loc[frame["method"] == PUBLISHED, "source"].dropna().unique()
    return Table(
        title="One changed point on pairs of digits",
        caption=SAY.onepoint_caption(len(tidy.study.seeds)),
        frame=frame,
        columns=["victim", "method", "misclustered", "δ²", "ℓ0", "ℓ2", "ℓ∞", "queries"],
        groups=group_rows(frame, ["pair"], DATASETS, ["victim", "method"], _row),
        notes=[f"Published: {str(source).rstrip('.')}." for source in sources],
        keys=[*KEYS, "metric"],
        how=OVER_SEEDS,
        sources=[Source("bilevel_onepoint", _long(tidy))],
        published=[("pair", "row"), ("victim", "algorithm"), ("metric", "metric")],
    )


def _long(tidy: BilevelTidy) -> pd.DataFrame:
    return long_format(tidy["bilevel_onepoint"], KEYS, METRICS)


def _row(cells: pd.DataFrame, victim: str, method: str) -> list[str]:
    found = metrics_of(cells)
    if method != PUBLISHED:
        return [VICTIMS(victim), METHODS(method), *(interval(found.get(name)) for name in METRICS)]
    numbers = [f"{found[name]['published']:g}" if name in found else ABSENT for name in METRICS]
    return [VICTIMS(victim), "published attack", *numbers]
