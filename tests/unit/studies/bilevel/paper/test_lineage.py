"""The rows behind a number are those that it depends on, seen by changing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advlearn.report.frames import records
from advlearn.report.table import SourceRows, Table, where
from advlearn.studies.bilevel.paper.schema import BilevelTidy
from advlearn.studies.bilevel.study import STUDY
from advlearn.support.errors import UserError

PUBLISHED = Path("config/published")
VALUES = {
    "bilevel_formulas": ["max_error"],
    "bilevel_intervals": ["low", "high"],
    "bilevel_attacks": "epsilon delta matching_error queries seconds".split(),
    "bilevel_blackbox": "epsilon delta one_minus_ari matching_error queries".split(),
    "bilevel_onepoint": "misclustered delta_squared l0 l2 linf queries".split(),
    "bilevel_agreement": ["kendall_tau"],
}
"""Columns of each tidy table that hold its numbers."""
COLUMNS = {"bilevel_gamma_interval": ["low", "ratio"], "bilevel_delta_formulas": ["max_error"]}
"""Columns of a table that are tried; the mean of the others."""
LINES = 2
"""Lines of a table that are tried for each column."""


class ChangedRun(BilevelTidy):
    """The shipped run with some of its tables replaced."""

    def __init__(self, changed: Mapping[str, pd.DataFrame] | None = None) -> None:
        super().__init__(Path("results/reference/tidy"), PUBLISHED)
        self.changed = changed or {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.changed[name] if name in self.changed else super().__getitem__(name)


@pytest.fixture(scope="module")
def run() -> ChangedRun:
    return ChangedRun()


def build(name: str, run: BilevelTidy) -> Table:
    table: Table = STUDY.table(name).build(run)
    return table


def without(run: BilevelTidy, table: str, rows: Sequence[int]) -> ChangedRun:
    return ChangedRun({table: run[table].drop(index=list(rows))})


def scrambled(
    run: BilevelTidy, parts: Sequence[SourceRows], generator: np.random.Generator
) -> ChangedRun:
    """The run in which the rows that are in no part have one another's numbers."""
    changed = {}
    for table in {part.table for part in parts}:
        frame, values = run[table].copy(), VALUES[table]
        kept = {row for part in parts if part.table == table for row in part.rows}
        complete = frame[values].notna().all(axis="columns")
        others = frame.index[complete & ~frame.index.isin(list(kept))]
        assert len(others) > 1, table
        mixed = generator.permutation(others)
        frame.loc[others, values] = frame.loc[mixed, values].to_numpy()
        changed[table] = frame.astype(dict(run[table].dtypes))
    return ChangedRun(changed)


def number(name: str, run: BilevelTidy, keys: Mapping[str, Any], column: str) -> list[Any]:
    """The column's value and the count of its line, or nothing where the line is not there."""
    try:
        frame = build(name, run).frame
    except UserError:
        return []
    found = where(frame, keys)
    assert len(found) <= 1
    counts = [each for each in ("n", "seeds") if each in frame.columns]
    if found.empty or pd.isna(found[column].iloc[0]):
        return []
    return list(found[[column, *counts]].iloc[0])


def same(first: Sequence[Any], second: Sequence[Any]) -> bool:
    return len(first) == len(second) and all(
        a == pytest.approx(b, rel=1e-12, abs=1e-15, nan_ok=True)
        for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("name", STUDY.tables)
def test_the_keys_of_a_table_name_one_line(name: str, run: ChangedRun) -> None:
    table = build(name, run)
    assert table.how
    assert not table.frame.duplicated(list(table.keys)).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDY.tables)
def test_a_number_depends_on_the_rows_behind_it_and_on_no_others(
    name: str, run: ChangedRun
) -> None:
    generator = np.random.default_rng(7)
    table = build(name, run)
    for column in COLUMNS.get(name, ["mean"]):
        known = table.frame[table.frame[column].notna()].sample(LINES, random_state=11)
        for place in range(LINES):
            line = records(known)[place]
            keys = {key: line[key] for key in table.keys}
            before = number(name, run, keys, column)
            parts = table.behind(line, column)
            assert before, line
            assert parts, line
            for part in parts:
                gone = without(run, part.table, part.rows)
                assert not same(number(name, gone, keys, column), before), (part.role, line)
            one = int(generator.choice(parts[0].rows))
            after = number(name, without(run, parts[0].table, [one]), keys, column)
            assert not same(after, before), f"row {one + 2} does not count: {line}"
            other = scrambled(run, parts, generator)
            assert same(number(name, other, keys, column), before), line


def test_published_numbers_are_found_in_their_file(run: ChangedRun) -> None:
    table = build("bilevel_onepoint", run)
    published = run.published("bilevel_onepoint")
    seen = 0
    for line in records(table.frame):
        rows = table.published_behind(line, published)
        if pd.isna(line["published"]):
            assert rows == []
            continue
        assert published.loc[rows, "published"].tolist() == [line["published"]]
        seen += 1
    assert seen
