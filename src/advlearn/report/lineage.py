"""Rows of the tidy tables behind a line of a table, by the same conditions as the table's builder.

A test takes these rows away and scrambles all others: the line changes with the first, not with the
second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from advlearn.report.tidy import Tidy

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


Find = Callable[[Any, Line, str], list[Part]]
"""From a study's tidy tables, a line and a column to the rows behind that number."""


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


def behind(lineage: Lineage, tidy: Tidy, line: Line, column: str) -> list[Part]:
    """Rows behind the number in ``column`` of a line of a table.

    Args:
        lineage: where the numbers of the table come from.
        tidy: the run.
        line: the line, with the types of the table's builder.
        column: the column.
    """
    return [part for part in lineage.parts(tidy, line, column) if len(part.rows)]


def published_behind(lineage: Lineage, name: str, tidy: Tidy, line: Line) -> pd.DataFrame | None:
    """The published number beside a line, with its row in the published file, or none."""
    if not lineage.published or pd.isna(line.get("published")):
        return None
    return where(tidy.published(name), {theirs: line[ours] for ours, theirs in lineage.published})


def same(table: str, keys: Sequence[str]) -> Find:
    """Rows of a tidy table that share the line's keys."""

    def parts(tidy: Tidy, line: Line, column: str) -> list[Part]:
        return [Part(table, "values", where(tidy[table], line, keys))]

    return parts


OVER_SEEDS = (
    "mean over seeds, after averaging what one seed has several of; ci_low, ci_high: 95 % Student-t"
    " interval over the seeds, missing for one seed"
)
LINE_OF_TABLE = "the row itself"


def where(frame: pd.DataFrame, line: Line, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The rows with the line's values in these columns (all by default); missing is a value."""
    keep = pd.Series(True, index=frame.index)
    for name in line if columns is None else columns:
        value = line[name]
        keep &= frame[name].isna() if pd.isna(value) else frame[name] == value
    return frame[keep]
