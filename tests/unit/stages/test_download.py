from __future__ import annotations

import os
from pathlib import Path

import pytest

from advlearn.data.catalogue import get
from advlearn.settings.data import DataSettings, SourceSettings
from advlearn.stages.download import download
from advlearn.stages.prepare import prepare
from advlearn.support.errors import UserError
from advlearn.support.io import read_json


def test_digits_need_no_file(tmp_path: Path) -> None:
    out = tmp_path / "digits" / "manifest.json"
    download(dataset="digits", settings=SourceSettings(), out=out)
    assert read_json(out) == {"dataset": "digits", "files": []}
    assert [path.name for path in out.parent.iterdir()] == ["manifest.json"]


def test_unknown_data_set(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown data set 'mnits'"):
        download(dataset="mnits", settings=SourceSettings(), out=tmp_path / "manifest.json")


def test_no_manifest_without_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADVLEARN_MIRROR", raising=False)
    with pytest.raises(UserError, match="could not be had from any source"):
        download(
            dataset="mnist",
            settings=SourceSettings(sources=("mirror",)),
            out=tmp_path / "manifest.json",
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.network
@pytest.mark.skipif(
    os.environ.get("ADVLEARN_TEST_NETWORK") != "1",
    reason="downloads real data: set ADVLEARN_TEST_NETWORK=1",
)
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_real_data(name: str, tmp_path: Path) -> None:
    out = tmp_path / "manifest.json"
    download(dataset=name, settings=SourceSettings(), out=out)
    assert len(read_json(out)["files"]) == len(get(name).files)
    prepare(
        manifest=out, settings=DataSettings(dataset=name), out=tmp_path / "data" / "dataset.json"
    )
    described = read_json(tmp_path / "data" / "dataset.json")
    assert described["n_train"] + described["n_validation"] == get(name).n_train
