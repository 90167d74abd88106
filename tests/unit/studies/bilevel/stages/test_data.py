from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from advlearn.data.point_sets import make_points, read_points
from advlearn.settings.points import BlobsSettings, CsvSettings
from advlearn.studies.bilevel.settings.path import BilevelDataJob
from advlearn.studies.bilevel.stages.data import bilevel_data
from advlearn.support.errors import UserError
from advlearn.support.io import read_npz


def test_the_file_holds_the_point_set(tmp_path: Path) -> None:
    job = BilevelDataJob(data=BlobsSettings(points=30, spread=0.5), n_neighbors=5)
    bilevel_data(settings=job, out=tmp_path / "blobs.npz")
    arrays = read_npz(tmp_path / "blobs.npz")
    assert arrays["points"].shape == (30, 2)
    assert arrays["points"].dtype == np.float64
    assert np.bincount(arrays["truth"]).tolist() == [10, 10, 10]
    assert (read_points(tmp_path / "blobs.npz").points == make_points(job.data, 5).points).all()


def test_same_settings_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        bilevel_data(settings=BilevelDataJob(data=BlobsSettings()), out=tmp_path / f"{name}.npz")
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


def test_constant_columns_are_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("a,b,c\n1,7,0\n2,7,3\n4,7,1\n8,7,2\n", encoding="utf-8")
    bilevel_data(
        settings=BilevelDataJob(data=CsvSettings(path=table), n_neighbors=2),
        out=tmp_path / "mine.npz",
    )
    assert "1 constant columns left out: b" in capsys.readouterr().err
    arrays = read_npz(tmp_path / "mine.npz")
    assert arrays["points"].shape == (4, 2)
    assert arrays["dropped"].tolist() == ["b"]
    assert arrays["truth"].tolist() == [-1] * 4


def test_nothing_is_written_for_a_table_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("a\n1\n2\nx\n", encoding="utf-8")
    job = BilevelDataJob(data=CsvSettings(path=tmp_path / "mine.csv"))
    with pytest.raises(UserError, match="row 3 has no finite number: 'x'"):
        bilevel_data(settings=job, out=tmp_path / "mine.npz")
    assert not (tmp_path / "mine.npz").exists()
