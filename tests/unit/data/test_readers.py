from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from advlearn.data.catalogue import Dataset, get
from advlearn.data.readers import Official, read
from advlearn.support.errors import UserError

Tiny = Callable[..., Dataset]


def write(folder: Path, contents: dict[str, bytes]) -> dict[str, Path]:
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in contents}


def test_idx(tiny: Tiny, contents: dict[str, bytes], tmp_path: Path) -> None:
    official = read(tiny(), write(tmp_path, contents))
    assert official.train_images.shape == (40, 1, 4, 4)
    assert official.test_images.shape == (10, 1, 4, 4)
    np.testing.assert_array_equal(official.train_labels, np.arange(40) % 2)
    assert official.train_images.tobytes() == contents["train-images-idx3-ubyte"][16:]


def test_idx_labels_outside_the_classes(
    tiny: Tiny, contents: dict[str, bytes], idx: Callable[[np.ndarray], bytes], tmp_path: Path
) -> None:
    labels = np.arange(40) % 2
    labels[7] = 2
    contents["train-labels-idx1-ubyte"] = idx(labels)
    with pytest.raises(UserError, match=r"label 2 of image 7 is outside 0\.\.1"):
        read(tiny(), write(tmp_path, contents))


def test_idx_with_fewer_labels_than_images(
    tiny: Tiny, contents: dict[str, bytes], idx: Callable[[np.ndarray], bytes], tmp_path: Path
) -> None:
    contents["t10k-labels-idx1-ubyte"] = idx(np.arange(9) % 2)
    with pytest.raises(UserError, match="9 labels for 10 images") as caught:
        read(tiny(), write(tmp_path, contents))
    assert "'tiny', test set" in caught.value.where


def test_classes_of_one_name(tiny: Tiny, contents: dict[str, bytes], tmp_path: Path) -> None:
    dataset = replace(tiny(), class_names=("zero", "zero"))
    with pytest.raises(UserError, match="the class 'zero' is given twice"):
        read(dataset, write(tmp_path, contents))


def test_a_file_that_the_manifest_lacks(
    tiny: Tiny, contents: dict[str, bytes], tmp_path: Path
) -> None:
    files = write(tmp_path, contents)
    del files["t10k-images-idx3-ubyte"]
    with pytest.raises(UserError, match="names no file t10k-images-idx3-ubyte"):
        read(tiny(), files)
    with pytest.raises(UserError, match="names no file"):
        read(get("arrays"), {})


def test_digits_have_a_fixed_stratified_test_set() -> None:
    one, two = read(get("digits"), {}), read(get("digits"), {})
    assert one.train_images.shape == (1437, 1, 8, 8)
    assert one.test_images.shape == (360, 1, 8, 8)
    assert one.train_images.dtype == np.uint8
    assert one.train_images.max() == 255
    np.testing.assert_array_equal(one.test_images, two.test_images)
    counts = np.bincount(one.test_labels)
    assert counts.min() >= 34
    assert counts.max() <= 38


def own(**changes: object) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    arrays: dict[str, object] = {
        "train_images": draw.integers(0, 256, (12, 5, 6), dtype=np.uint8),
        "train_labels": np.arange(12) % 3,
        "test_images": draw.integers(0, 256, (6, 5, 6), dtype=np.uint8),
        "test_labels": np.arange(6) % 3,
    }
    arrays.update(changes)
    return {name: np.asarray(value) for name, value in arrays.items() if value is not None}


def read_own(folder: Path, arrays: dict[str, np.ndarray]) -> Official:
    np.savez(folder / "arrays.npz", allow_pickle=True, **arrays)
    return read(get("arrays"), {"arrays.npz": folder / "arrays.npz"})


def test_own_arrays(tmp_path: Path) -> None:
    official = read_own(tmp_path, own())
    assert official.train_images.shape == (12, 1, 5, 6)
    assert official.train_images.dtype == np.uint8
    assert official.class_names == ("0", "1", "2")
    named = read_own(tmp_path, own(class_names=["cat", "dog", "hen"]))
    assert named.class_names == ("cat", "dog", "hen")
    assert read_own(tmp_path, own(class_names=[7, 8, 9])).class_names == ("7", "8", "9")


def test_black_and_white_images_are_those_of_0_and_255(tmp_path: Path) -> None:
    images = (np.arange(360) % 2).reshape(12, 5, 6)
    official = read_own(
        tmp_path,
        own(train_images=(images * 255).astype(np.uint8), test_images=images[:6].astype(float)),
    )
    assert official.train_images.max() == 255
    assert official.test_images.max() == 1.0


def test_own_floating_point_colour_images_keep_their_values(tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((12, 3, 5, 6))
    official = read_own(
        tmp_path, own(train_images=images, test_images=images[:6].astype(np.float32))
    )
    assert official.train_images.dtype == np.float32
    np.testing.assert_array_equal(official.train_images, images.astype(np.float32))


NAN = np.full((12, 5, 6), 0.5)
NAN[3, 2, 1] = np.nan


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": NAN}, "image 3 holds the value nan"),
        ({"train_images": np.full((12, 5, 6), 1.01)}, "image 0 holds the value 1.01"),
        ({"test_images": np.full((6, 5, 6), -0.01)}, "image 0 holds the value -0.01"),
        ({"train_images": np.zeros((12, 5, 6), np.int64)}, "images of type int64"),
        ({"train_images": np.zeros((12, 30), np.uint8)}, r"images of shape \(12, 30\)"),
        ({"train_images": np.zeros((12, 5, 6, 3), np.uint8)}, "images of shape"),
        ({"train_images": np.zeros((11, 5, 6), np.uint8)}, "12 labels for 11 images"),
        ({"test_images": np.zeros((6, 5, 5), np.uint8)}, "shape"),
        ({"test_images": np.zeros((0, 5, 6), np.uint8), "test_labels": [[]]}, "test_labels"),
        (
            {"test_images": np.zeros((0, 5, 6), np.uint8), "test_labels": np.zeros(0, int)},
            "there is no image",
        ),
        (
            {"train_images": np.zeros((0, 5, 6), np.uint8), "train_labels": np.zeros(0, int)},
            "training set is empty",
        ),
        ({"train_labels": np.arange(12) % 3 - 1}, "label -1 of image 0"),
        ({"train_labels": np.arange(12) % 3 / 1}, "train_labels has type float64"),
        ({"train_labels": np.arange(12) % 2 * 2}, "no training image has the label 1"),
        ({"test_labels": np.arange(6)}, r"label 3 of image 3 is outside 0\.\.2"),
        ({"test_labels": None}, "lacks"),
        ({"labels": [1]}, "unknown"),
        (
            {"train_images": (np.arange(360) % 2).reshape(12, 5, 6).astype(np.uint8)},
            "no image holds a value above 1: all are black, or were scaled",
        ),
        ({"test_images": np.zeros((6, 5, 6), np.uint8)}, "no image holds a value above 1"),
        ({"test_images": np.full((6, 5, 6), 1 / 255)}, "divided by 255 twice"),
        ({"train_images": np.ones((12, 5, 6), bool)}, "images of type bool"),
        ({"train_images": np.ones((12, 5, 6), np.uint16)}, "images of type uint16"),
        ({"class_names": ["cat", "dog", "cat"]}, "the class 'cat' is given twice"),
        ({"class_names": ["cat", "dog", "cat "]}, "the class 'cat' is given twice"),
        ({"class_names": ["cat", " ", "hen"]}, "class 2 of 3 has no name"),
        ({"class_names": [b"cat", b"dog", b"hen"]}, "class_names has type"),
        ({"class_names": [["cat"], ["dog"], ["hen"]]}, r"class_names has type .* shape \(3, 1\)"),
        ({"class_names": [0.5, 1.0, 2.0]}, "class_names has type float64"),
    ],
)
def test_own_arrays_that_cannot_be_used(
    changes: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        read_own(tmp_path, own(**changes))


def test_own_arrays_are_never_unpickled(tmp_path: Path) -> None:
    arrays = own()
    arrays["train_images"] = np.array([object()], dtype=object)
    with pytest.raises(UserError, match="cannot be read"):
        read_own(tmp_path, arrays)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 truncated"])
def test_damaged_npz(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "arrays.npz").write_bytes(content)
    with pytest.raises(UserError, match="cannot be read") as caught:
        read(get("arrays"), {"arrays.npz": tmp_path / "arrays.npz"})
    assert "arrays.npz" in caught.value.where


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_is_in_the_file_twice(tmp_path: Path) -> None:
    read_own(tmp_path, own())
    path = tmp_path / "arrays.npz"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("test_labels.npy", archive.read("test_labels.npy"))
    with pytest.raises(UserError, match="the array 'test_labels' is in it twice"):
        read(get("arrays"), {"arrays.npz": path})


def test_truncated_npz(tmp_path: Path) -> None:
    read_own(tmp_path, own())
    path = tmp_path / "arrays.npz"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match="cannot be read"):
        read(get("arrays"), {"arrays.npz": path})
