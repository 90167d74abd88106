from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from operator import attrgetter, itemgetter, methodcaller
from pathlib import Path

import pandas as pd
import pytest

from advlearn.stages.tidy_folder import studies_in
from advlearn.studies.selective.schema import SCHEMA, SelectiveTidy
from advlearn.support.errors import UserError
from tests.helpers.selective_run import PUBLISHED


@pytest.fixture
def copy(smoke_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(smoke_folder, tmp_path / "tidy"))


@pytest.mark.parametrize(
    ("file", "read"),
    [
        *(
            (f"{name}.csv", itemgetter(name))
            for name in SCHEMA.tables
            if SCHEMA.tables[name].required
        ),
        *((f"{name}.npz", methodcaller("arrays", name)) for name in SCHEMA.arrays),
        (SCHEMA.record, attrgetter("study")),
    ],
)
def test_missing_file(copy: Path, file: str, read: Callable[[SelectiveTidy], object]) -> None:
    (copy / file).unlink()
    with pytest.raises(UserError, match=f"{file} is missing") as caught:
        read(SelectiveTidy(copy, PUBLISHED))
    assert str(copy) in caught.value.where
    assert "collect" in caught.value.remedy


def test_missing_column_is_named(copy: Path) -> None:
    path = copy / "selective_metrics.csv"
    text = path.read_text()
    path.write_text(text.replace("n_selected", "count", 1))
    with pytest.raises(UserError, match="missing columns: n_selected") as caught:
        _ = SelectiveTidy(copy, PUBLISHED)["selective_metrics"]
    assert "selective_metrics.csv" in caught.value.where
    assert "count" in caught.value.where


def test_header_without_rows(copy: Path) -> None:
    path = copy / "selective_metrics.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(UserError, match="no rows"):
        _ = SelectiveTidy(copy, PUBLISHED)["selective_metrics"]


@pytest.mark.parametrize("value", ["1.2", "-0.1", ""])
def test_share_out_of_range(copy: Path, value: str) -> None:
    path = copy / "selective_metrics.csv"
    lines = path.read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0] + "," + value
    path.write_text("\n".join(lines))
    with pytest.raises(UserError, match=r"row 4 does not") as caught:
        _ = SelectiveTidy(copy, PUBLISHED)["selective_metrics"]
    assert "column value" in caught.value.where


def test_the_same_fact_twice(copy: Path) -> None:
    path = copy / "selective_metrics.csv"
    text = path.read_text()
    path.write_text(text + text.splitlines()[1] + "\n")
    with pytest.raises(UserError, match="stands twice"):
        _ = SelectiveTidy(copy, PUBLISHED)["selective_metrics"]


def test_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no folder") as caught:
        SelectiveTidy(tmp_path / "nowhere", PUBLISHED)
    assert "--tidy" in caught.value.where
    with pytest.raises(UserError, match="no folder") as caught:
        SelectiveTidy(tmp_path, tmp_path / "nowhere")
    assert "--published" in caught.value.where


def test_folder_without_a_study(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no tidy table of any study"):
        studies_in(tmp_path)


def test_archive_that_is_none(copy: Path) -> None:
    (copy / "selective_examples.npz").write_bytes(b"not a zip file")
    with pytest.raises(UserError, match="cannot be read"):
        _ = SelectiveTidy(copy, PUBLISHED).arrays("selective_examples")


def test_primary_universe_that_is_none(copy: Path) -> None:
    path = copy / "selective_study.json"
    study = json.loads(path.read_text())
    study["primary"]["universe"] = "other"
    path.write_text(json.dumps(study))
    with pytest.raises(UserError, match="'other'") as caught:
        _ = SelectiveTidy(copy, PUBLISHED).study
    assert "small" in caught.value.remedy


def test_study_that_is_no_json(copy: Path) -> None:
    (copy / "selective_study.json").write_text("{")
    with pytest.raises(UserError, match="no JSON"):
        _ = SelectiveTidy(copy, PUBLISHED).study


def test_study_without_seeds(copy: Path) -> None:
    path = copy / "selective_study.json"
    study = json.loads(path.read_text())
    del study["seeds"]
    path.write_text(json.dumps(study))
    with pytest.raises(UserError, match="seeds"):
        _ = SelectiveTidy(copy, PUBLISHED).study


def test_settings_named_none_stay_text(full: SelectiveTidy) -> None:
    assert "none" in set(full["selective_metrics"]["reduction"])
    assert "none" in set(full["selective_metrics"]["rule"])


def test_packed_tables_are_read_like_plain_ones(copy: Path) -> None:
    plain = SelectiveTidy(copy, PUBLISHED)["selective_metrics"]
    path = copy / "selective_metrics.csv"
    (copy / "selective_metrics.csv.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()
    pd.testing.assert_frame_equal(SelectiveTidy(copy, PUBLISHED)["selective_metrics"], plain)
