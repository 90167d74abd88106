"""Runs with changed rows: a number depends on the rows behind it, and on no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest

from advlearn.report.table import SourceRows, Table
from advlearn.report.tidy import Tidy
from advlearn.support.errors import UserError

Run = TypeVar("Run", bound=Tidy)
Build = Callable[[Any], Table]


def reopened(run: Run) -> Run:
    """The same folder, of which nothing has been read."""
    return type(run)(run.folder, run.published_folder.parent)


def with_table(run: Run, name: str, frame: pd.DataFrame) -> Run:
    """The run with one tidy table changed; the others are not read again."""
    changed = reopened(run)
    changed._tables.update({**run._tables, name: frame})
    return changed


def with_arrays(run: Run, name: str, arrays: dict[str, np.ndarray]) -> Run:
    """The run with other arrays in an archive."""
    changed = reopened(run)
    changed._arrays[name] = arrays
    return changed


def without(run: Run, table: str, rows: Sequence[int]) -> Run:
    """The run without some rows of a tidy table."""
    return with_table(run, table, run[table].drop(index=list(rows)))


def scrambled(
    run: Run,
    parts: Sequence[SourceRows],
    values: Mapping[str, Sequence[str]],
    generator: np.random.Generator,
) -> Run:
    """The run in which the rows that are in no part have one another's numbers."""
    for table in {part.table for part in parts}:
        numbers = list(values[table])
        frame = run[table].copy()
        kept = set().union(*(set(part.rows) for part in parts if part.table == table))
        complete = frame[numbers].notna().all(axis="columns")
        others = frame.index[complete & ~frame.index.isin(list(kept))]
        assert len(others) > 1, table
        # Metrics of different kinds have different ranges, which are checked.
        kinds = frame.loc[others, "metric"] if "metric" in frame.columns else pd.Series(0, others)
        for _, group in kinds.groupby(kinds, sort=False):
            mixed = generator.permutation(group.index)
            frame.loc[group.index, numbers] = frame.loc[mixed, numbers].to_numpy()
        run = with_table(run, table, frame.astype(dict(run[table].dtypes)))
    return run


def number(build: Build, run: Tidy, keys: pd.Series, column: str) -> list[object]:
    """The column's value and the count of its line, or nothing where the line is not there."""
    try:
        frame = build(run).frame
    except UserError:
        return []
    keep = pd.Series(True, index=frame.index)
    for key, value in keys.items():
        keep &= frame[key].isna() if pd.isna(value) else frame[key] == value
    assert keep.sum() <= 1
    counts = [each for each in ("n", "seeds") if each in frame.columns]
    found = frame.loc[keep, [column, *counts]]
    return found.iloc[0].tolist() if len(found) and pd.notna(found[column].iloc[0]) else []


def same(first: Sequence[object], second: Sequence[object]) -> bool:
    """Whether two results of `number` are equal but for rounding."""
    return len(first) == len(second) and all(
        a == pytest.approx(b, rel=1e-12, abs=1e-15, nan_ok=True)
        for a, b in zip(first, second, strict=True)
    )


def check_line(
    build: Build,
    run: Tidy,
    line: pd.Series,
    column: str,
    values: Mapping[str, Sequence[str]],
    generator: np.random.Generator,
) -> None:
    """A number of a line changes when rows behind it go, and stays when all others are mixed.

    Args:
        build: builder of the table.
        run: the run.
        line: a line of the table.
        column: column of the number.
        values: tidy table -> its columns that hold numbers.
        generator: chooses a row, and mixes the others.
    """
    table = build(run)
    keys = line[list(table.keys)]
    before = number(build, run, keys, column)
    assert before, line
    parts = table.behind(dict(line), column)
    assert parts, line
    for part in parts:
        gone = without(run, part.table, part.rows)
        assert not same(number(build, gone, keys, column), before), (part.role, line)
    one = [int(generator.choice(parts[0].rows))]
    after = number(build, without(run, parts[0].table, one), keys, column)
    assert not same(after, before), f"row {one[0] + 2} does not count: {line}"
    other = scrambled(run, parts, values, generator)
    assert same(number(build, other, keys, column), before), line
