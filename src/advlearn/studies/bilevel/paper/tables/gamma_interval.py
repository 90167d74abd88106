"""Intervals of gamma in which a partition is certified, beside the true one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from advlearn.report.frames import groups, ordered, records
from advlearn.report.numbers import format_significant
from advlearn.report.table import LINE_OF_TABLE, Group, Source, Table
from advlearn.studies.bilevel.paper.labels import BOUNDS, DATASETS, WEIGHTS
from advlearn.studies.bilevel.paper.schema import BilevelTidy
from advlearn.studies.bilevel.paper.words import WORDS

_KEYS = ["dataset", "weights", "n", "d", "n_clusters"]
_ROW = ["dataset", "n", "d", "n_clusters"]
_NAN = float("nan")


def measure(tidy: BilevelTidy) -> pd.DataFrame:
    """The rows of ``bilevel_intervals.csv`` with what they certify.

    Returns:
        The rows in the order of the table, with certifies (``yes`` where low < high) and ratio
        (low divided by the true low; missing where either is missing or the true low is 0).
    """
    frame = tidy["bilevel_intervals"]
    true = frame[frame["bound"] == "true"].set_index(_KEYS)["low"].rename("true_low")
    frame = frame.merge(true, on=_KEYS, how="left")
    known = frame["true_low"].where(frame["true_low"] > 0)
    certifies = pd.Series(np.where(frame["low"] < frame["high"], "yes", "no"), index=frame.index)
    frame = frame.assign(
        certifies=certifies.where(frame["low"].notna() & frame["high"].notna()),
        ratio=frame["low"] / known,
    ).drop(columns="true_low")
    return ordered(
        frame,
        ["weights", "dataset", "n_clusters", "bound"],
        dataset=DATASETS.order(frame["dataset"]),
        bound=list(BOUNDS),
    )


def build(tidy: BilevelTidy) -> Table:
    """One row a data set and partition; one group a kind of weights.

    Raises:
        UserError: the tidy table is missing, has no rows or is damaged.
    """
    frame, intervals = measure(tidy), tidy["bilevel_intervals"]
    true = intervals[intervals["bound"] == "true"]
    bounds = BOUNDS.order(frame["bound"])
    return Table(
        title="Intervals of γ in which the partition is certified",
        caption=WORDS.intervals_caption(),
        frame=frame,
        columns=[
            *("data set", "n", "d", "K"),
            *(f"γ min, {BOUNDS(name)}" for name in bounds),
            "γ max, certified",
            *(["γ max, true"] if "true" in bounds else []),
            "non-empty",
        ],
        groups=[
            Group(WEIGHTS(weights), [_row(key, cells, bounds) for key, cells in groups(part, _ROW)])
            for (weights,), part in groups(frame, ["weights"])
        ],
        notes=[WORDS.no_published(), WORDS.derived()],
        wide=True,
        keys=[*_KEYS, "bound"],
        how=f"{LINE_OF_TABLE}; certifies: low < high; ratio: low by the true low",
        sources=[
            Source("bilevel_intervals", intervals),
            Source("bilevel_intervals", true, "the true interval", "ratio".__eq__, _KEYS),
        ],
    )


def _row(key: Sequence[Any], cells: pd.DataFrame, bounds: Sequence[str]) -> list[str]:
    found = {str(row["bound"]): row for row in records(cells)}
    proved = [found[name] for name in bounds if name in found and name != "true"]
    lowest = min((row["low"] for row in proved), default=_NAN)
    highest = max((row["high"] for row in proved if pd.notna(row["high"])), default=_NAN)
    missing = {"low": _NAN, "high": _NAN}
    numbers = [found.get(name, missing)["low"] for name in bounds] + [highest]
    if "true" in bounds:
        numbers.append(found.get("true", missing)["high"])
    return [
        DATASETS(key[0]),
        *(str(int(value)) for value in key[1:]),
        *(format_significant(float(value)) for value in numbers),
        "yes" if lowest < highest else "no",
    ]
