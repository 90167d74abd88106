from __future__ import annotations

import errno
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from advlearn.data.readers import Official
from advlearn.data.splits import SplitName, draw_splits
from advlearn.data.store import DatasetInfo, load_info, load_split, open_split, save_dataset
from advlearn.settings.data import DataSettings
from advlearn.support.errors import UserError
from advlearn.support.io import read_json, write_json

INFO = DatasetInfo(
    name="tiny",
    title="Tiny",
    n_classes=2,
    shape=(1, 3, 4),
    class_names=("zero", "one"),
    n_train=20,
    n_validation=10,
    n_test=12,
    split_seed=0,
    licence="none",
    reference="none",
)


def official(dtype: type = np.uint8) -> Official:
    drawn = np.random.default_rng(0).integers(0, 256, (52, 1, 3, 4), dtype=np.uint8)
    images = drawn if dtype is np.uint8 else (drawn / 255 * 0.9).astype(np.float32)
    labels = np.arange(52) % 2
    return Official(images[:40], labels[:40], images[40:], labels[40:], INFO.class_names)


def store(folder: Path, source: Official) -> Path:
    chosen = DataSettings(dataset="tiny", train_images=20, validation_images=10)
    out = folder / "data" / "dataset.json"
    save_dataset(out, INFO, source, draw_splits(source.train_labels, source.test_labels, chosen))
    return out


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_round_trip(dtype: type, tmp_path: Path) -> None:
    source = official(dtype)
    out = store(tmp_path, source)
    assert load_info(out) == load_info(out.parent) == INFO
    scale = np.float32(255) if dtype is np.uint8 else np.float32(1)
    sizes: dict[SplitName, int] = {"train": 20, "validation": 10, "test": 12}
    for name, size in sizes.items():
        split = load_split(out.parent, name)
        part = "test" if name == "test" else "train"
        images = getattr(source, f"{part}_images")[split.indices]
        assert len(split) == size
        assert split.images.dtype == np.float32
        assert split.labels.dtype == np.int64
        np.testing.assert_array_equal(split.images, images / scale)
        np.testing.assert_array_equal(split.labels, split.indices % 2)
    used = [load_split(out, name).indices for name in ("train", "validation")]
    assert not set(used[0]) & set(used[1])


def test_images_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    out = store(tmp_path, official())
    whole, opened = load_split(out, "train"), open_split(out, "train")
    assert opened.shape == whole.images.shape
    np.testing.assert_array_equal(opened.labels, whole.labels)
    for rows in (slice(3, 7), slice(15, 99), [4, 0], np.array([19])):
        np.testing.assert_array_equal(opened.images(rows), whole.images[rows])


def test_a_bad_pixel_is_found_in_its_block(tmp_path: Path) -> None:
    out = store(tmp_path, official(np.float32))
    pixels = np.load(out.parent / "train_images.npy")
    opened = open_split(out, "train")
    pixels[opened.indices[9]] = np.nan
    np.save(out.parent / "train_images.npy", pixels)
    opened = open_split(out, "train")
    opened.images(slice(0, 9))
    with pytest.raises(UserError, match="NaN"):
        opened.images(slice(9, 12))


def test_no_more_memory_than_the_split(tmp_path: Path) -> None:
    images = np.zeros((30_000, 1, 28, 28), np.uint8)
    labels = np.arange(30_000) % 2
    source = Official(images, labels, images[:2], labels[:2], INFO.class_names)
    chosen = DataSettings(dataset="tiny", train_images=20_000, validation_images=10)
    out = tmp_path / "dataset.json"
    info = DatasetInfo(**{**INFO.__dict__, "shape": (1, 28, 28)})
    save_dataset(out, info, source, draw_splits(labels, labels[:2], chosen))
    tracemalloc.start()
    split = load_split(out, "train")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.3 * split.images.nbytes


def test_same_input_same_bytes(tmp_path: Path) -> None:
    one, two = store(tmp_path / "a", official()), store(tmp_path / "b", official())
    names = sorted(path.name for path in one.parent.iterdir())
    assert names == [
        "dataset.json",
        "splits.csv",
        "test_images.npy",
        "test_labels.npy",
        "train_images.npy",
        "train_labels.npy",
    ]
    for name in names:
        assert (one.parent / name).read_bytes() == (two.parent / name).read_bytes()


def test_unknown_split(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown split 'tests'"):
        load_split(store(tmp_path, official()), "tests")  # type: ignore[arg-type]


def test_labels_outside_their_range(tmp_path: Path) -> None:
    out = store(tmp_path, official())
    np.save(out.parent / "train_labels.npy", np.full(40, 2))
    with pytest.raises(UserError, match=r"outside 0\.\.1"):
        load_split(out, "train")
    load_split(out, "test")


@pytest.mark.parametrize("value", [np.nan, 1.5, -0.5])
def test_pixels_outside_their_range(value: float, tmp_path: Path) -> None:
    out = store(tmp_path, official(np.float32))
    images = np.load(out.parent / "test_images.npy")
    images[5, 0, 0, 0] = value
    np.save(out.parent / "test_images.npy", images)
    with pytest.raises(UserError, match="image 5 holds the value") as caught:
        load_split(out, "test")
    assert "test_images.npy" in caught.value.where


def test_empty_split(tmp_path: Path) -> None:
    out = store(tmp_path, official())
    lines = (out.parent / "splits.csv").read_text().splitlines()
    kept = [line for line in lines if not line.endswith("validation")]
    (out.parent / "splits.csv").write_text("\n".join(kept) + "\n")
    with pytest.raises(UserError, match="'validation' is empty") as caught:
        load_split(out, "validation")
    assert "data.validation_images" in caught.value.remedy
    load_split(out, "train")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("source,index,split\ntest,0,train\n", "not a set of images of the official train set"),
        ("source,index,split\ntrain,0,train\ntrain,0,train\n", "not a set"),
        ("source,index,split\ntrain,40,train\n", "names image 40 of 40"),
        ("source,index,split\ntrain,-1,train\n", "names image"),
        ("source,index\ntrain,1\n", "cannot be read"),
        ("source,index,split\ntrain,one,train\n", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_damaged_splits(table: str, message: str, tmp_path: Path) -> None:
    out = store(tmp_path, official())
    (out.parent / "splits.csv").write_text(table)
    with pytest.raises(UserError, match=message):
        load_split(out, "train")


def test_arrays_that_do_not_fit_or_are_truncated(tmp_path: Path) -> None:
    out = store(tmp_path, official())
    path = out.parent / "train_images.npy"
    whole = path.read_bytes()
    for content in (whole[:-10], whole[:5], b""):
        path.write_bytes(content)
        with pytest.raises(UserError, match="cannot be read"):
            load_split(out, "train")
    np.save(path, np.zeros((40, 1, 4, 4), np.uint8))
    with pytest.raises(UserError, match="do not fit"):
        load_split(out, "train")


def test_damaged_description(tmp_path: Path) -> None:
    out = store(tmp_path, official())
    good = read_json(out)
    wrong: list[object] = [[], {**good, "shape": [1, 2]}, {**good, "colour": 1}, {}]
    for bad in wrong:
        write_json(out, bad)
        with pytest.raises(UserError, match="prepared data cannot be read"):
            load_info(out)
    with pytest.raises(UserError, match="prepared data cannot be read"):
        load_info(tmp_path / "absent")


def test_disk_full_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("advlearn.support.io.np.save", full)
    with pytest.raises(UserError, match="No space left on device"):
        store(tmp_path, official())
    assert list((tmp_path / "data").iterdir()) == []
