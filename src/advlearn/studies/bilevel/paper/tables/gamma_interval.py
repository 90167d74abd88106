"""Intervals of gamma in which a partition is certified, beside the true one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from advlearn.report.frames import ordered
from advlearn.report.numbers import format_significant
from advlearn.report.table import LINE_OF_TABLE, Source, Table, group_rows
from advlearn.studies.bilevel.paper.labels import BOUNDS, DATASETS, WEIGHTS
from advlearn.studies.bilevel.paper.words import SAY
from advlearn.studies.bilevel.schema import BilevelTidy

_KEYS = ["dataset", "weights", "n", "d", "n_clusters"]
_ROW = ["dataset", "n", "d", "n_clusters"]


def measure(tidy: BilevelTidy) -> pd.DataFrame:
    """The rows of ``bilevel_intervals.csv`` with what they certify.

    Returns:
        The rows in the order of the table, with certifies (``yes`` where low < high) and ratio
        (low divided by the true low; missing where either is missing or the true low is 0).
    """
    frame = tidy["bilevel_intervals"]
    true = frame.loc[frame["bound"] == "true", [*_KEYS, "low"]]
    frame = frame.merge(true, on=_KEYS, how="left", suffixes=("", "_true"))
    certifies = (frame["low"] < frame["high"]).map({True: "yes", False: "no"})
    true_low = frame.pop("low_true")
    frame = frame.assign(
        certifies=certifies.where(frame["low"].notna() & frame["high"].notna()),
        ratio=frame["low"] / true_low.where(true_low > 0),
    )
    return ordered(
        frame,
        ["weights", "dataset", "n_clusters", "bound"],
        dataset=DATASETS.order(frame["dataset"]),
        bound=list(BOUNDS),
    )


def build(tidy: BilevelTidy) -> Table:
    """One row a data set and partition; one group a kind of weights."""
    frame, intervals = measure(tidy), tidy["bilevel_intervals"]
    true = intervals[intervals["bound"] == "true"]
    bounds = BOUNDS.order(frame["bound"])
    return Table(
        title="Intervals of γ in which the partition is certified",
        caption=SAY.intervals_caption(),
        frame=frame,
        columns=[
            *("data set", "n", "d", "K"),
            *(f"γ min, {BOUNDS(name)}" for name in bounds),
            "γ max, certified",
            *(["γ max, true"] if "true" in bounds else []),
            "non-empty",
        ],
        groups=group_rows(frame, ["weights"], WEIGHTS, _ROW, partial(_row, bounds)),
        notes=[SAY.no_published(), SAY.derived()],
        wide=True,
        keys=[*_KEYS, "bound"],
        how=f"{LINE_OF_TABLE}; certifies: low < high; ratio: low by the true low",
        sources=[
            Source("bilevel_intervals", intervals),
            Source(
                "bilevel_intervals",
                true,
                role="the true interval",
                columns=lambda column: column == "ratio",
                keys=_KEYS,
            ),
        ],
    )


def _row(bounds: Sequence[str], cells: pd.DataFrame, dataset: str, *sizes: float) -> list[str]:
    known = cells.set_index("bound").reindex(list(bounds))
    proved = cells[cells["bound"] != "true"]
    lowest, highest = proved["low"].min(), proved["high"].max()
    numbers = [*(known["low"][name] for name in bounds), highest]
    if "true" in bounds:
        numbers.append(known["high"]["true"])
    return [
        DATASETS(dataset),
        *(str(int(size)) for size in sizes),
        *map(format_significant, numbers),
        "yes" if lowest < highest else "no",
    ]
