from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from advlearn.data.splits import SplitName
from advlearn.data.store import load_info, load_split
from advlearn.settings.data import DataSettings, SourceSettings
from advlearn.stages.download import download
from advlearn.stages.prepare import prepare
from advlearn.support.errors import UserError


def own_manifest(folder: Path, class_names: Sequence[str] = ("0", "1", "2")) -> Path:
    draw = np.random.default_rng(0)
    np.savez(
        folder / "own.npz",
        train_images=draw.integers(0, 256, (60, 3, 4, 5), dtype=np.uint8),
        train_labels=np.arange(60) % 3,
        test_images=draw.integers(0, 256, (30, 3, 4, 5), dtype=np.uint8),
        test_labels=np.arange(30) % 3,
        class_names=np.array(class_names),
    )
    out = folder / "raw" / "manifest.json"
    download(dataset="arrays", settings=SourceSettings(root=folder / "own.npz"), out=out)
    return out


def test_digits(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    download(dataset="digits", settings=SourceSettings(), out=manifest)
    settings = DataSettings(
        dataset="digits", train_images=300, validation_images=100, test_images=50
    )
    out = tmp_path / "data" / "dataset.json"
    prepare(manifest=manifest, settings=settings, out=out)
    info = load_info(out)
    assert (info.n_train, info.n_validation, info.n_test) == (300, 100, 50)
    assert (info.n_classes, info.shape) == (10, (1, 8, 8))
    assert np.load(out.parent / "train_images.npy").dtype == np.uint8
    sizes: dict[SplitName, int] = {"train": 300, "validation": 100, "test": 50}
    for split, size in sizes.items():
        loaded = load_split(out.parent, split)
        assert loaded.images.shape == (size, 1, 8, 8)
        assert loaded.images.max() == 1.0


def test_own_arrays(tmp_path: Path) -> None:
    out = tmp_path / "data" / "dataset.json"
    settings = DataSettings(dataset="arrays", validation_images=12)
    prepare(manifest=own_manifest(tmp_path), settings=settings, out=out)
    assert load_info(out).shape == (3, 4, 5)
    assert load_info(out).shared == {}
    assert len(load_split(out, "train")) == 48


def test_images_in_two_splits_are_counted_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 5), dtype=np.uint8)
    np.savez(
        tmp_path / "own.npz",
        train_images=images,
        train_labels=np.arange(60) % 3,
        test_images=images[:6],
        test_labels=np.arange(6) % 3,
    )
    manifest = tmp_path / "raw" / "manifest.json"
    download(dataset="arrays", settings=SourceSettings(root=tmp_path / "own.npz"), out=manifest)
    out = tmp_path / "data" / "dataset.json"
    prepare(
        manifest=manifest,
        settings=DataSettings(dataset="arrays", validation_images=12),
        out=out,
    )
    shared = load_info(out).shared
    assert sum(shared.values()) == 6
    assert set(shared) <= {"train and test", "validation and test"}
    assert "[prepare] " in capsys.readouterr().err


def test_names_of_classes_are_any_text(tmp_path: Path) -> None:
    names = ["5$%$", "猫\t🐈", "{0} =1"]
    manifest = own_manifest(tmp_path, class_names=names)
    settings = DataSettings(dataset="arrays", validation_images=12)
    prepare(manifest=manifest, settings=settings, out=tmp_path / "data" / "dataset.json")
    assert load_info(tmp_path / "data" / "dataset.json").class_names == tuple(names)


def test_a_control_character_in_the_name_of_a_class_is_refused(tmp_path: Path) -> None:
    manifest = own_manifest(tmp_path, class_names=["a", "b\0c", "d"])
    settings = DataSettings(dataset="arrays", validation_images=12)
    with pytest.raises(UserError, match=r"class name 1 has the control character U\+0000"):
        prepare(manifest=manifest, settings=settings, out=tmp_path / "data" / "dataset.json")


def test_a_changed_raw_file_is_noticed(tmp_path: Path) -> None:
    manifest = own_manifest(tmp_path)
    raw = manifest.parent / "arrays.npz"
    raw.write_bytes(raw.read_bytes() + b"x")
    settings = DataSettings(dataset="arrays", validation_images=12)
    out = tmp_path / "data" / "dataset.json"
    with pytest.raises(UserError, match="not the one that was downloaded") as caught:
        prepare(manifest=manifest, settings=settings, out=out)
    assert caught.value.where == str(raw)
    raw.unlink()
    with pytest.raises(UserError, match="no file"):
        prepare(manifest=manifest, settings=settings, out=out)
    assert not out.exists()


def test_the_manifest_of_another_data_set(tmp_path: Path) -> None:
    manifest = own_manifest(tmp_path)
    with pytest.raises(UserError, match="those of 'arrays', not of 'digits'"):
        prepare(
            manifest=manifest,
            settings=DataSettings(dataset="digits", validation_images=10),
            out=tmp_path / "dataset.json",
        )


def test_a_manifest_cannot_vouch_for_a_file_of_the_catalogue(tmp_path: Path) -> None:
    """A manifest that was edited together with the file does not pass."""
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    manifest = tmp_path / "manifest.json"
    manifest.write_text(
        '{"dataset": "mnist", "files": [{"name": "train-images-idx3-ubyte", "bytes": 0,'
        f' "source": "", "sha256": "{empty}"}}]}}'
    )
    with pytest.raises(UserError, match="not the one that was downloaded"):
        prepare(manifest=manifest, settings=DataSettings(), out=tmp_path / "dataset.json")


def test_more_images_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="arrays has 60 training images"):
        prepare(
            manifest=own_manifest(tmp_path),
            settings=DataSettings(dataset="arrays", validation_images=60),
            out=tmp_path / "dataset.json",
        )
