"""A table of the report: its rows, how people read them, and the tidy rows behind each number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pandas as pd

from advlearn.report.frames import groups

OVER_SEEDS = (
    "mean over seeds, after averaging what one seed has several of; ci_low, ci_high: 95 % Student-t"
    " interval over the seeds, missing for one seed"
)
LINE_OF_TABLE = "the row itself"

Line = Mapping[str, Any]
"""A row of a table's CSV file, by column."""


class SourceRows(NamedTuple):
    """Rows of one tidy table that a number is computed from.

    Attributes:
        table: name of the tidy table.
        role: what they are to the number.
        rows: their positions in the file: row ``i`` stands on line ``i + 2``.
    """

    table: str
    role: str
    rows: list[int]


@dataclass(frozen=True)
class Source:
    """The very rows that a table's builder aggregates, so that no filter is written twice.

    Attributes:
        table: name of the tidy table.
        frame: the rows, with the columns that name a line.
        role: what they are to the numbers.
        of: the columns of the table that are made of them; all by default.
        keys: columns that rows and line share; by default the keys of the table that are in
            ``frame``. A missing value is a value.
        row: column with the positions in the tidy table; the index of ``frame`` by default.
    """

    table: str
    frame: pd.DataFrame
    role: str = "values"
    columns: Callable[[str], bool] | None = None
    keys: Sequence[str] | None = None
    row: str = ""

    def rows_of(self, line: Line, keys: Sequence[str]) -> list[int]:
        """Positions of the rows behind a line, in the order of the file."""
        shared = [name for name in keys if name in self.frame] if self.keys is None else self.keys
        there = matching_rows(self.frame, {name: line[name] for name in shared})
        found = there[self.row].dropna() if self.row else there.index
        return sorted({int(row) for row in found})


@dataclass(frozen=True)
class Group:
    """Rows of the readable form that stand under one heading."""

    title: str
    rows: list[list[str]]


def group_rows(
    frame: pd.DataFrame,
    by: Sequence[str],
    title: Callable[..., str],
    lines: Sequence[str],
    row: Callable[..., list[str]],
) -> list[Group]:
    """The readable form of tidy rows.

    Args:
        frame: rows of the table in their order.
        by: columns whose values make a group.
        title: heading of a group, from these values.
        lines: columns whose values make a row of a group.
        row: cells of a row, from its rows of ``frame`` and these values.
    """
    return [
        Group(title(*key), [row(cells, *line) for line, cells in groups(part, lines)])
        for key, part in groups(frame, by)
    ]


@dataclass(frozen=True)
class Table:
    """A table, tidy and readable.

    Attributes:
        title: one line, no full stop.
        caption: what the numbers are.
        frame: tidy rows, for the CSV file.
        columns: headings of the readable form.
        groups: rows of the readable form; each row has one cell a column.
        notes: remarks below the table.
        wide: whether LaTeX sets it on a page turned sideways.
        keys: columns of ``frame`` that name a line.
        how: how a number follows from the rows behind it.
        sources: the rows that the numbers are made of.
        published: columns that lead to the published number beside a line, as (column of
            ``frame``, column of the published file); empty where there is no published table.
    """

    title: str
    caption: str
    frame: pd.DataFrame
    columns: Sequence[str]
    groups: Sequence[Group]
    notes: Sequence[str] = field(default_factory=list)
    wide: bool = False
    keys: Sequence[str] = ()
    how: str = ""
    sources: Sequence[Source] = ()
    published: Sequence[tuple[str, str]] = ()

    def source_rows(self, line: Line, column: str) -> list[SourceRows]:
        """Rows of the tidy tables behind the number in ``column`` of a line of the CSV file."""
        parts = [
            SourceRows(source.table, source.role, source.rows_of(line, self.keys))
            for source in self.sources
            if source.columns is None or source.columns(column)
        ]
        return [part for part in parts if part.rows]

    def published_rows(self, line: Line, published: pd.DataFrame) -> list[int]:
        """Rows of the published table that stand beside a line; none where it has no number."""
        if not self.published or pd.isna(line.get("published")):
            return []
        there = matching_rows(published, {theirs: line[ours] for ours, theirs in self.published})
        return [int(row) for row in there.index]


def matching_rows(frame: pd.DataFrame, line: Line) -> pd.DataFrame:
    """The rows that share the line's values; missing is a value."""
    keep = pd.Series(True, index=frame.index)
    for name, value in line.items():
        keep &= frame[name].isna() if pd.isna(value) else frame[name] == value
    return frame[keep]
