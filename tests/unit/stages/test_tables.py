from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.stages.tables import tables
from advlearn.studies import study
from advlearn.support.errors import UserError
from tests.helpers.selective_run import PUBLISHED, write_run


def test_every_table_in_three_forms_and_the_same_bytes_twice(tmp_path: Path) -> None:
    tidy = write_run(tmp_path / "tidy", seeds=[0, 1], cluster_numbers=[1, 2])
    for run in ("first", "second"):
        tables(tidy=tidy, out=tmp_path / run, published=PUBLISHED)
    names = {
        f"{name}{suffix}"
        for name in study("selective").tables
        for suffix in (".csv", ".md", ".tex")
    }
    assert {path.name for path in (tmp_path / "first").iterdir()} == names
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_missing_tidy_file_stops_the_stage(tmp_path: Path) -> None:
    tidy = write_run(tmp_path / "tidy", seeds=[0], cluster_numbers=[1, 2])
    (tidy / "selective_study.json").unlink()
    with pytest.raises(UserError, match=r"study\.json is missing"):
        tables(tidy=tidy, out=tmp_path / "out", published=PUBLISHED)


def test_missing_published_numbers(tmp_path: Path) -> None:
    tidy = write_run(tmp_path / "tidy", seeds=[0], cluster_numbers=[1, 2])
    (tmp_path / "published").mkdir()
    with pytest.raises(UserError, match=r"selective_baselines\.csv is missing"):
        tables(tidy=tidy, out=tmp_path / "out", published=tmp_path / "published")
