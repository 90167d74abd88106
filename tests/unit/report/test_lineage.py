"""The rows named as those behind a number are those that it depends on, seen by changing them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from advlearn.paper.tables import TABLES

from advlearn.report.lineage import LINEAGE, SOURCES, Part, behind, published_behind
from advlearn.report.tidy import Tidy
from advlearn.support.errors import UserError

VALUES = {
    "selective_metrics": ["value"],
    "topk_metrics": ["value"],
    "topk_images": "l2 delta_tkacc delta_p delta_map delta_ndcg".split(),
    "topk_models": ["value"],
    "topk_transfer": ["value"],
}
"""Columns of each tidy table that hold its numbers."""
REFERENCE_RUN = Path("results/reference/tidy")
ATTRIBUTE = {"selective_metrics": "metrics"}
LINES = 2
"""Lines of a table that are tried, and as many of those that compare two attacks."""


def open_run() -> Tidy:
    return Tidy(REFERENCE_RUN, Path("config/published"))


def frame_of(run: Tidy, table: str) -> pd.DataFrame:
    frame: pd.DataFrame = getattr(run, ATTRIBUTE.get(table, table))
    return frame


def with_table(run: Tidy, table: str, frame: pd.DataFrame) -> Tidy:
    """The run with one tidy table changed; the others are not read again."""
    changed = open_run()
    changed.__dict__.update(run.__dict__)
    changed.__dict__[ATTRIBUTE.get(table, table)] = frame
    return changed


def without(run: Tidy, part: Part, index: Sequence[object]) -> Tidy:
    return with_table(run, part.table, frame_of(run, part.table).drop(index=list(index)))


def scrambled(run: Tidy, parts: list[Part], generator: np.random.Generator) -> Tidy:
    """The run in which the rows that are in no part have one another's numbers."""
    for table in {part.table for part in parts}:
        frame = frame_of(run, table).copy()
        kept = set().union(*(set(part.rows.index) for part in parts if part.table == table))
        complete = frame[VALUES[table]].notna().all(axis="columns")
        others = frame.index[complete & ~frame.index.isin(list(kept))]
        assert len(others) > 1, table
        # Metrics of different kinds have different ranges, which are checked.
        kinds = frame.loc[others, "metric"] if "metric" in frame.columns else pd.Series(0, others)
        for _, group in kinds.groupby(kinds, sort=False):
            mixed = generator.permutation(group.index)
            frame.loc[group.index, VALUES[table]] = frame.loc[mixed, VALUES[table]].to_numpy()
        frame = frame.astype(dict(frame_of(run, table).dtypes))
        run = with_table(run, table, frame)
    return run


def number(name: str, run: Tidy, keys: pd.Series, column: str) -> list[object]:
    """The column's value and the count of its line, or nothing where the line is not there."""
    try:
        frame = TABLES[name](run).frame
    except UserError:
        return []
    keep = pd.Series(True, index=frame.index)
    for key, value in keys.items():
        keep &= frame[key].isna() if pd.isna(value) else frame[key] == value
    assert keep.sum() <= 1
    counts = [each for each in ("n", "seeds") if each in frame.columns]
    found = frame.loc[keep, [column, *counts]]
    return found.iloc[0].tolist() if len(found) and pd.notna(found[column].iloc[0]) else []


def same(first: list[object], second: list[object]) -> bool:
    return len(first) == len(second) and all(
        a == pytest.approx(b, rel=1e-12, abs=1e-15, nan_ok=True)
        for a, b in zip(first, second, strict=True)
    )


def columns_of(name: str) -> list[str]:
    return {
        "selective_controls": ["mean", "difference_subset", "difference_all", "difference_none"],
    }.get(name, ["mean"])


@pytest.mark.slow
def test_every_table_has_a_lineage_and_its_keys_name_one_line() -> None:
    assert set(LINEAGE) == set(TABLES)
    run = open_run()
    for name, lineage in LINEAGE.items():
        frame = TABLES[name](run).frame
        assert not frame.duplicated(list(lineage.keys)).any(), name


def test_every_tidy_table_has_a_source(tmp_path: Path) -> None:
    tables = {path.name.split(".")[0] for path in REFERENCE_RUN.iterdir()}
    described = {name for name in tables if name.endswith(("choices", "study"))}
    assert set(SOURCES) == tables - described


@pytest.mark.slow
@pytest.mark.parametrize("name", list(TABLES))
def test_a_number_depends_on_the_rows_behind_it_and_on_no_others(name: str) -> None:
    run, generator = open_run(), np.random.default_rng(7)
    frame = TABLES[name](run).frame
    keys = list(LINEAGE[name].keys)
    for column in columns_of(name):
        known = frame[frame[column].notna()]
        paired = known["over"].eq("paired") if "over" in frame.columns else known[column].isna()
        chosen = pd.concat(
            kind.sample(min(LINES, len(kind)), random_state=11)
            for kind in (known[~paired], known[paired])
        )
        for row in range(len(chosen)):
            line = chosen.iloc[row]
            before = number(name, run, line[keys], column)
            assert before, line
            parts = behind(name, run, line, column)
            assert parts, line
            for part in parts:
                gone = without(run, part, part.rows.index)
                assert not same(number(name, gone, line[keys], column), before), (part.role, line)
            values = parts[0]
            one = values.rows.sample(1, random_state=row).index
            after = number(name, without(run, values, one), line[keys], column)
            assert not same(after, before), f"row {one[0] + 2} does not count: {line}"
            other = scrambled(run, parts, generator)
            assert same(number(name, other, line[keys], column), before), line


@pytest.mark.slow
def test_published_numbers_are_found_in_their_files() -> None:
    run = open_run()
    seen = 0
    for name, lineage in LINEAGE.items():
        frame = TABLES[name](run).frame
        for row in range(len(frame)):
            found = published_behind(name, run, frame.iloc[row])
            if found is None:
                assert not lineage.published or pd.isna(frame["published"].iloc[row])
                continue
            assert found["published"].tolist() == [frame["published"].iloc[row]]
            seen += 1
    assert seen > 100
