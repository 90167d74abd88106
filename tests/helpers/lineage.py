"""The rows named as those behind a number are those that it depends on, seen by changing them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from advlearn.report.table import SourceRows, Table, matching_rows
from advlearn.studies.base import Study
from advlearn.support.errors import UserError
from advlearn.tidy.reader import Tidy

_LINES = 2
"""Lines of a table that are tried, and as many of those that compare two attacks."""


def with_table(run: Tidy, name: str, frame: pd.DataFrame) -> Tidy:
    """The run with one tidy table changed; the others are not read again."""
    changed = type(run)(run.folder, run.published_folder.parent)
    changed._tables = {**run._tables, name: frame}
    changed._described = run._described
    return changed


@dataclass(frozen=True)
class Lineage:
    """A table of a run, whose numbers are traced.

    Attributes:
        study: the study.
        name: name of the table.
        run: the run.
        values: tidy table -> its columns of numbers.
    """

    study: Study
    name: str
    run: Tidy
    values: Mapping[str, Sequence[str]]

    def check(self, columns: Iterable[str] = ("mean",)) -> None:
        """Numbers in these columns change with the rows behind them, and with no others."""
        table, generator = self._built(self.run), np.random.default_rng(7)
        assert not table.frame.duplicated(list(table.keys)).any()
        for column in columns:
            chosen = _lines(table.frame, column)
            for row in range(len(chosen)):
                self._check_line(table, _plain(chosen.iloc[row]), column, row, generator)

    def _check_line(
        self,
        table: Table,
        line: dict[str, Any],
        column: str,
        row: int,
        generator: np.random.Generator,
    ) -> None:
        keys = {key: line[key] for key in table.keys}
        before = self._number(self.run, keys, column)
        assert before, line
        parts = table.source_rows(line, column)
        assert parts, line
        for part in parts:
            after = self._number(self._without(part, part.rows), keys, column)
            assert not _same(after, before), (part.role, line)
        one = pd.Series(parts[0].rows).sample(1, random_state=row).tolist()
        after = self._number(self._without(parts[0], one), keys, column)
        assert not _same(after, before), f"row {one[0] + 2} does not count: {line}"
        other = self._scrambled(parts, generator)
        assert _same(self._number(other, keys, column), before), line

    def _built(self, run: Tidy) -> Table:
        table: Table = self.study.table(self.name).build(run)
        return table

    def _number(self, run: Tidy, keys: Mapping[str, Any], column: str) -> list[Any]:
        """The column's value and the count of its line, or nothing where the line is not there."""
        try:
            frame = self._built(run).frame
        except UserError:
            return []
        found = matching_rows(frame, keys)
        assert len(found) <= 1
        counts = [each for each in ("n", "seeds") if each in frame.columns]
        known = found.dropna(subset=column)[[column, *counts]]
        return known.iloc[0].tolist() if len(known) else []

    def _without(self, part: SourceRows, rows: Sequence[int]) -> Tidy:
        return with_table(self.run, part.table, self.run[part.table].drop(index=list(rows)))

    def _scrambled(self, parts: Sequence[SourceRows], generator: np.random.Generator) -> Tidy:
        """The run in which the rows that are in no part have one another's numbers."""
        run = self.run
        for name in {part.table for part in parts}:
            frame, values = run[name].copy(), list(self.values[name])
            kept = {row for part in parts if part.table == name for row in part.rows}
            complete = frame[values].notna().all(axis="columns")
            others = frame.index[complete & ~frame.index.isin(list(kept))]
            assert len(others) > 1, name
            # Metrics of different kinds have different ranges, which are checked.
            kinds = frame["metric"] if "metric" in frame.columns else pd.Series(0, frame.index)
            for _, group in kinds[others].groupby(kinds[others], sort=False):
                mixed = generator.permutation(group.index)
                frame.loc[group.index, values] = frame.loc[mixed, values].to_numpy()
            run = with_table(run, name, frame.astype(dict(run[name].dtypes)))
        return run


def _lines(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Some lines that have a number in the column, those that compare two attacks among them."""
    known = frame[frame[column].notna()]
    paired = known["over"].eq("paired") if "over" in frame.columns else known[column].isna()
    kinds = (known[~paired], known[paired])
    return pd.concat(kind.sample(min(_LINES, len(kind)), random_state=11) for kind in kinds)


def _plain(line: pd.Series) -> dict[str, Any]:
    return {str(name): value for name, value in line.items()}


def _same(first: Sequence[Any], second: Sequence[Any]) -> bool:
    return len(first) == len(second) and all(
        a == pytest.approx(b, rel=1e-12, abs=1e-15, nan_ok=True)
        for a, b in zip(first, second, strict=True)
    )
