"""What the tidy tables of a study look like: one declaration for who writes and who reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from advlearn.settings.base import Settings
from advlearn.support.errors import UserError

_INFINITE = float("inf")


class Column(NamedTuple):
    """What a column may hold; an empty cell is checked by `TableSchema.check` alone.

    Attributes:
        kind: ``text`` is read as text whatever it looks like; ``number`` as pandas reads it;
            ``flag`` becomes 1.0 for a yes in any spelling, 0.0 for a no, missing where empty;
            ``bool`` becomes true or false.
        low: smallest value of a number.
        high: largest value of a number.
        empty: what stands for an empty cell; none: it stays missing.
    """

    kind: Literal["text", "number", "flag", "bool"] = "number"
    low: float = -_INFINITE
    high: float = _INFINITE
    empty: str | float | None = None


NUMBER = Column()
NOT_NEGATIVE = Column(low=0.0)
SHARE = Column(low=0.0, high=1.0)
CORRELATION = Column(low=-1.0, high=1.0)
TEXT = Column("text")
FLAG = Column("flag")
BOOL = Column("bool")
_KINDS = {
    "text": TEXT,
    "flag": FLAG,
    "bool": BOOL,
    "share": SHARE,
    "corr": CORRELATION,
    ">=0": NOT_NEGATIVE,
    ">=1": Column(low=1.0),
}


def columns(names: str, kind: Column = NUMBER) -> dict[str, Column]:
    """Columns by their names, as in ``columns("dataset:text gamma:>=0 value")``.

    Args:
        names: names separated by blanks, each with its kind after a colon where that is not
            ``kind``: text, flag, bool, share, corr, ``>=0`` or ``>=1``.
        kind: kind of the names that do not say theirs.
    """
    said = (each.partition(":") for each in names.split())
    return {name: _KINDS[own] if own else kind for name, _, own in said}


@dataclass(frozen=True)
class Lines:
    """Which rows of a table belong together, so that runs of the same seeds can be joined.

    Attributes:
        line: columns that name a line of the grid with its seed; one run makes all of it.
        group: those of them that name the lines with the same shared rows.
        shared: which rows every line of a group needs, so that each run of one brings them.
    """

    line: Sequence[str]
    group: Sequence[str]
    shared: Callable[[pd.DataFrame], pd.Series]


@dataclass(frozen=True)
class TableSchema:
    """One tidy table.

    Attributes:
        columns: column -> what it may hold, in the order in which they are written.
        stage: the last rule before collecting, whose jobs make its rows; empty for what
            describes the study.
        key: columns that together name a row; no two rows share them.
        rows: whether a table without rows is an error.
        once: which rows must not share their key; all by default.
        check: refuses what columns alone do not show: (table, path) -> nothing, or `UserError`.
        optional: columns that an older file may lack.
        required: whether a run whose record does not name the file is an error; else the table has
            no rows.
        lines: how its rows belong to lines of the grid, where runs may share seeds.
    """

    columns: Mapping[str, Column]
    stage: str = ""
    key: Sequence[str] = ()
    rows: bool = True
    once: Callable[[pd.DataFrame], pd.Series] | None = None
    check: Callable[[pd.DataFrame, Path], None] | None = None
    optional: Sequence[str] = ()
    required: bool = True
    lines: Lines | None = None

    @property
    def dtypes(self) -> dict[str, type]:
        """Columns that are read as text."""
        return {name: str for name, column in self.columns.items() if column.kind == "text"}

    def with_types(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A table without rows with numbers in its columns of numbers: no row tells pandas so."""
        if len(frame):
            return frame
        numbers = [name for name, column in self.columns.items() if column.kind == "number"]
        return frame.astype({name: float for name in numbers if name in frame.columns})

    def checked(self, frame: pd.DataFrame, path: Path, remedy: str) -> pd.DataFrame:
        """The table as its readers want it, once its values and keys are seen to be right.

        Args:
            frame: the table as read.
            path: where it was read, for messages.
            remedy: what mends a wrong value.

        Raises:
            UserError: a value is no number or out of range, or two rows name the same fact.
        """
        for name, column in self.columns.items():
            if name not in frame.columns:
                continue
            if column.empty is not None:
                frame = frame.fillna({name: column.empty})
            if column.kind == "flag":
                frame = frame.assign(**{name: _flag(frame[name])})
            elif column.kind == "bool":
                frame = frame.assign(**{name: frame[name].astype(bool)})
            elif column.kind == "number" and (column.low, column.high) != (-_INFINITE, _INFINITE):
                _check_range(frame, name, column, path, remedy)
        if self.check:
            self.check(frame, path)
        if self.key:
            looked_at = frame if self.once is None else frame[self.once(frame)]
            twice = looked_at[looked_at.duplicated(list(self.key))]
            if len(twice):
                raise UserError(
                    "the same fact stands twice, so no mean can be trusted",
                    where=f"{path}, row {twice.index[0] + 2}",
                    remedy="collect again from one set of files",
                )
        return frame

    def written(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The table with the columns of the schema, in its order; others follow.

        Raises:
            ValueError: a column that is not optional is missing.
        """
        present = [name for name in self.columns if name in frame.columns]
        absent = missing_columns(frame, (n for n in self.columns if n not in self.optional))
        if absent:
            raise ValueError(f"columns of the schema are missing: {', '.join(absent)}")
        further = [name for name in frame.columns if name not in self.columns]
        return frame[[*present, *further]]


@dataclass(frozen=True)
class StudySchema:
    """All that a study's collecting stage writes.

    Attributes:
        study: name of the study.
        collect: its collecting stage.
        described: what the record must say; further keys are kept in the file only.
        tables: table -> its schema.
        arrays: archive of arrays -> the arrays that have to be in it.
        array_stage: the rule whose jobs make the arrays.
        seedless: tables whose column ``seed`` is not that of the run.
        another: what another answer to a choice gives, ``universe`` or ``study``.
        wildcards: wildcard whose value stands in another column -> (column, value -> the values
            there).
    """

    study: str
    collect: str
    described: type[Settings]
    tables: Mapping[str, TableSchema]
    arrays: Mapping[str, Sequence[str]] = field(default_factory=dict)
    array_stage: str = ""
    seedless: Sequence[str] = ()
    another: str = "study"
    wildcards: Mapping[str, tuple[str, Mapping[str, Sequence[str]]]] = field(default_factory=dict)

    @property
    def in_lines(self) -> bool:
        """Whether runs of the same seeds can be joined: each brings lines that the other lacks."""
        return any(table.lines for table in self.tables.values())

    @property
    def record(self) -> str:
        """File that describes the run; like all files of a study it has its name."""
        return f"{self.study}_study.json"

    @property
    def choices(self) -> str:
        """Table of what the paper leaves open."""
        return f"{self.study}_choices"

    @property
    def files(self) -> list[str]:
        """Names of the files that are written, the record aside, which holds their checksums."""
        tables = [f"{name}.csv" for name in self.tables]
        return [*tables, *(f"{name}.npz" for name in self.arrays)]

    def stage_of(self, table: str) -> str | None:
        """The rule whose jobs made the rows of a tidy table or the arrays of an archive."""
        if table in self.arrays:
            return self.array_stage
        return (self.tables[table].stage or None) if table in self.tables else None


CHOICES = TableSchema(columns("key question paper value source universe", TEXT), rows=True)
"""What a paper leaves open, and the values used."""


def _flag(column: pd.Series) -> pd.Series:
    """1.0 for a yes in any of its spellings, 0.0 for a no, missing where the cell is empty."""
    yes = column.astype(str).str.lower().isin(("true", "1", "1.0", "yes"))
    return yes.astype(float).where(column.notna())


def _check_range(frame: pd.DataFrame, name: str, column: Column, path: Path, remedy: str) -> None:
    numbers = pd.to_numeric(frame[name], errors="coerce")
    bad = frame[frame[name].notna() & ~numbers.between(column.low, column.high)]
    if len(bad):
        span = f"between {column.low:g} and {column.high:g}"
        if column.high == _INFINITE:
            span = f"at least {column.low:g}"
        raise UserError(
            f"row {bad.index[0] + 2} has a value of {name} that is not {span}",
            where=f"{path}: {name} = {bad.iloc[0][name]}",
            remedy=remedy,
        )


def missing_columns(frame: pd.DataFrame, wanted: Iterable[str]) -> list[str]:
    """The wanted columns that a table lacks."""
    return [name for name in wanted if name not in frame.columns]
