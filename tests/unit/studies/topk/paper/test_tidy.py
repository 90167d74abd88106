"""What the reader of study 2's tidy tables refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.schema import SCHEMA
from advlearn.studies.topk.study import STUDY
from advlearn.support.errors import UserError
from tests.helpers.topk_run import open_topk


@pytest.fixture
def copy(small: TopkTidy, tmp_path: Path) -> Path:
    """A small run that a test may change."""
    return Path(shutil.copytree(small.folder, tmp_path / "tidy"))


def read(run: TopkTidy, file: str) -> object:
    if file == SCHEMA.record:
        return run.study
    name, _, kind = file.partition(".")
    return run[name] if kind == "csv" else run.arrays(name)


REQUIRED = [file for file in SCHEMA.files if file != "topk_search.csv"]


@pytest.mark.parametrize("file", [*REQUIRED, SCHEMA.record])
def test_missing_file(copy: Path, file: str) -> None:
    read(open_topk(copy), file)
    (copy / file).unlink()
    with pytest.raises(UserError, match=f"{file} is missing"):
        read(open_topk(copy), file)


def test_a_run_older_than_the_search_has_made_none(copy: Path) -> None:
    assert len(open_topk(copy)["topk_search"])
    (copy / "topk_search.csv").unlink()
    old = open_topk(copy)
    assert old["topk_search"].empty
    table = STUDY.table("topk_search").build(old)
    assert "This run made no search" in " ".join(table.notes)
    record = json.loads((copy / SCHEMA.record).read_text())
    record["files"] = {**record.get("files", {}), "topk_search.csv": "0" * 64}
    (copy / SCHEMA.record).write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"topk_search\.csv is missing"):
        read(open_topk(copy), "topk_search.csv")


def test_impossible_rows(copy: Path) -> None:
    path = copy / "topk_metrics.csv"
    frame = pd.read_csv(path)
    frame.assign(value=frame["value"] + 1).to_csv(path, index=False)
    with pytest.raises(UserError, match="not between 0 and 1"):
        open_topk(copy)["topk_metrics"]
    pd.concat([frame, frame.head(1)]).to_csv(path, index=False)
    with pytest.raises(UserError, match="stands twice"):
        open_topk(copy)["topk_metrics"]
    frame[frame["experiment"] != "alpha"].to_csv(path, index=False)
    with pytest.raises(UserError, match="no experiment 'alpha'"):
        STUDY.table("topk_alpha").build(open_topk(copy))


def test_outcomes_of_another_preset_are_left_out(copy: Path) -> None:
    path = copy / "topk_images.csv"
    frame = pd.read_csv(path)
    both = [frame.assign(preset="authors", l2=0.0), frame.assign(preset="sound")]
    pd.concat(both).to_csv(path, index=False)
    images = open_topk(copy)["topk_images"]
    assert images["l2"].tolist() == frame["l2"].tolist()
    # Rows keep the numbers that they have in the file.
    assert images.index.tolist() == list(range(len(frame), 2 * len(frame)))
