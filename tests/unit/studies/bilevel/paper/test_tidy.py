"""What is refused when the tidy tables of study 3 are read."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.studies.bilevel.schema import SCHEMA, BilevelTidy
from advlearn.support.errors import UserError
from tests.helpers.spoiled import replace_columns

TABLES = [name for name, schema in SCHEMA.tables.items() if schema.key]


FILES = [f"{name}.csv" for name, schema in SCHEMA.tables.items() if schema.required]


@pytest.mark.parametrize("file", [*FILES, SCHEMA.record])
def test_missing_file(copy: Path, published: Path, file: str) -> None:
    (copy / file).unlink()
    tidy = BilevelTidy(copy, published)
    with pytest.raises(UserError, match=f"{file} is missing"):
        _ = tidy.study if file == SCHEMA.record else tidy[file.partition(".")[0]]


def test_a_table_that_older_runs_lack_has_no_rows_there(
    full: BilevelTidy, copy: Path, published: Path
) -> None:
    (copy / "bilevel_trials.csv").unlink()
    found = BilevelTidy(copy, published)["bilevel_trials"]
    assert list(found.columns) == list(full["bilevel_trials"].columns)
    assert found.empty
    # A run that wrote it and lost it is damaged.
    shutil.copy(full.folder / SCHEMA.record, copy / SCHEMA.record)
    with pytest.raises(UserError, match=r"bilevel_trials\.csv is missing"):
        _ = BilevelTidy(copy, published)["bilevel_trials"]


@pytest.mark.parametrize("name", TABLES)
def test_the_same_fact_twice(full: BilevelTidy, copy: Path, published: Path, name: str) -> None:
    frame = pd.read_csv(full.folder / f"{name}.csv", keep_default_na=False, na_values=[""])
    pd.concat([frame, frame.head(1)]).to_csv(copy / f"{name}.csv", index=False)
    with pytest.raises(UserError, match="stands twice") as caught:
        _ = BilevelTidy(copy, published)[name]
    assert f"row {len(frame) + 2}" in caught.value.where or "row 2" in caught.value.where


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("attacks", "epsilon", -1.0),
        ("attacks", "matching_error", 1.5),
        ("agreement", "kendall_tau", -1.1),
        ("sandwich", "epsilon", "large"),
        ("staircase", "value", -0.1),
        ("path", "n_clusters", 0),
    ],
)
def test_impossible_value(
    copy: Path, published: Path, name: str, column: str, value: object
) -> None:
    replace_columns(copy, name, **{column: value})
    with pytest.raises(UserError, match=f"row 2 has a value of {column}") as caught:
        _ = BilevelTidy(copy, published)[f"bilevel_{name}"]
    assert f"bilevel_{name}.csv" in caught.value.where


def test_missing_column(copy: Path, published: Path) -> None:
    path = copy / "bilevel_sandwich.csv"
    path.write_text(path.read_text().replace("epsilon", "radius", 1))
    with pytest.raises(UserError, match="missing columns: epsilon"):
        _ = BilevelTidy(copy, published)["bilevel_sandwich"]


def test_damaged_table_is_told_by_its_checksum(
    small: BilevelTidy, published: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(small.folder, tmp_path / "tidy"))
    path = folder / "bilevel_calmness.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(UserError, match="is not the file that 'bilevel_collect' wrote"):
        _ = BilevelTidy(folder, published)["bilevel_calmness"]


def test_flags_in_any_spelling(copy: Path, published: Path) -> None:
    for spelling, expected in (("True", 1.0), ("1", 1.0), ("0", 0.0), ("False", 0.0)):
        replace_columns(copy, "attacks", reached=spelling)
        assert set(BilevelTidy(copy, published)["bilevel_attacks"]["reached"]) == {expected}
    replace_columns(copy, "attacks", reached=np.nan)
    assert BilevelTidy(copy, published)["bilevel_attacks"]["reached"].isna().all()
