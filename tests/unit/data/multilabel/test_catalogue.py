from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from advlearn.data.multilabel import catalogue
from advlearn.data.multilabel.catalogue import COLLECTIONS, find_listing
from advlearn.settings.data import SourceSettings
from advlearn.settings.multilabel import PhotosSettings
from advlearn.support.errors import UserError


def test_every_collection_of_the_settings_is_known() -> None:
    assert set(COLLECTIONS) == set(get_args(PhotosSettings.model_fields["name"].annotation))


def test_every_archive_has_a_digest_a_size_and_an_address() -> None:
    files = [file for one in COLLECTIONS.values() if one.official for file in one.official.files]
    assert len({file.sha256 for file in files}) == len(files) == 4
    for file in files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.size > 10**8
        assert file.official[0].endswith(f"/{file.name}")
        assert file.name.endswith((".tar", ".zip"))


def test_the_users_copy_comes_first(make_voc: Callable[..., Path], tmp_path: Path) -> None:
    root = make_voc()
    nowhere = SourceSettings(mirror=tmp_path / "none", sources=("mirror",))
    listing = find_listing(PhotosSettings(name="voc2012", root=root), nowhere, tmp_path / "raw")
    assert listing.root == root
    assert not (tmp_path / "raw").exists()


def test_no_copy_and_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADVLEARN_MIRROR", raising=False)
    (tmp_path / "mnist").mkdir()
    sources = SourceSettings(root=tmp_path / "mnist", sources=("mirror",))
    with pytest.raises(UserError, match="could not be had from any source") as caught:
        find_listing(PhotosSettings(name="coco2014"), sources, tmp_path / "raw")
    assert "mnist" not in str(caught.value.what), "the root of the run's own data is not looked at"
    assert "annotations_trainval2014.zip" in caught.value.remedy
    with pytest.raises(UserError, match="no official address"):
        find_listing(PhotosSettings(name="nuswide"), sources, tmp_path / "raw")


def test_downloaded_photos_are_listed(
    make_voc: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_voc().rename(tmp_path / "devkit")
    asked = []

    def pretend(dataset: object, _: SourceSettings, raw: Path) -> Path:
        asked.append((dataset, raw))
        return folder

    monkeypatch.setattr(catalogue, "obtain_photos", pretend)
    listing = find_listing(PhotosSettings(name="voc2012"), SourceSettings(), tmp_path / "raw")
    assert listing.root == folder
    assert asked == [(COLLECTIONS["voc2012"].official, tmp_path / "raw")]
