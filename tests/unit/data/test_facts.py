from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from advlearn.data.catalogue import datasets
from advlearn.data.facts import catalogue_facts, own_facts
from advlearn.settings.data import DataSettings, ImageFacts
from advlearn.support.errors import UserError

SETTINGS = DataSettings(dataset="arrays", train_images=20, test_images=None, validation_images=10)


def arrays(**changes: Any) -> dict[str, Any]:
    """Three classes of 4 x 5 images."""
    found: dict[str, Any] = {
        "train_images": np.zeros((30, 4, 5), dtype=np.uint8),
        "train_labels": np.arange(30) % 3,
        "test_images": np.zeros((12, 4, 5), dtype=np.uint8),
        "test_labels": np.arange(12) % 3,
    }
    found |= changes
    return {name: value for name, value in found.items() if value is not None}


def save(path: Path, **changes: Any) -> Path:
    np.savez(path, **arrays(**changes))
    return path


@pytest.mark.parametrize("compressed", [False, True])
def test_headers_and_labels_say_all(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "mine.npz"
    (np.savez_compressed if compressed else np.savez)(path, **arrays())
    assert own_facts(SETTINGS, path) == ImageFacts(20, 10, 12, 3, (1, 4, 5))
    colour = np.zeros((30, 3, 4, 5), dtype=np.float32)
    save(path, train_images=colour, test_images=colour[:12], class_names=["a", "b", "c"])
    assert own_facts(SETTINGS, path) == ImageFacts(20, 10, 12, 3, (3, 4, 5))


def test_images_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "mine.npz")
    opened = []
    once = zipfile.ZipExtFile.read

    def count(self: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        found = once(self, n)
        opened.append((self.name, len(found)))
        return found

    monkeypatch.setattr(zipfile.ZipExtFile, "read", count)
    own_facts(SETTINGS, path)
    read = sum(size for name, size in opened if "images" in name)
    assert 0 < read < 300  # headers; the images are 600 and 240 bytes


UNFIT: dict[str, tuple[dict[str, Any], str]] = {
    "an array is missing": ({"test_labels": None}, "lacks test_labels"),
    "an array too many": ({"weights": np.zeros(3)}, "holds unknown weights"),
    "Python objects": ({"train_labels": np.array([{}] * 30)}, "holds Python objects"),
    "flat images": ({"train_images": np.zeros((30, 20), np.uint8)}, "has the shape"),
    "two channels": ({"train_images": np.zeros((30, 2, 4, 5), np.uint8)}, "has the shape"),
    "no image": (
        {"test_images": np.zeros((0, 4, 5), np.uint8), "test_labels": np.zeros(0, int)},
        "test_images has the shape",
    ),
    "images of whole numbers": ({"train_images": np.zeros((30, 4, 5), int)}, "has the type int64"),
    "labels that are no numbers": ({"train_labels": np.array(["a"] * 30)}, "has the type <U1"),
    "labels in two dimensions": ({"test_labels": np.zeros((12, 3), int)}, "the shape (12, 3)"),
    "labels without images": ({"train_labels": np.arange(29) % 3}, "29 labels for 30 images"),
    "a class without training images": ({"train_labels": np.arange(30) % 3 * 2}, "the label 1"),
    "a name without images": ({"class_names": ["a", "b", "c", "d"]}, "the label 3"),
    "a label of no class": ({"test_labels": np.arange(12) % 4}, "test_labels holds 3"),
    "a label below 0": ({"train_labels": np.arange(30) % 3 - 1}, "train_labels holds -1"),
    "a huge label": ({"train_labels": np.arange(30) * 10**15}, "no training image has the label 1"),
    "images of two shapes": ({"test_images": np.zeros((12, 5, 5), np.uint8)}, "of one shape"),
    "fewer images than asked for": (
        {"train_images": np.zeros((25, 4, 5), np.uint8), "train_labels": np.arange(25) % 3},
        "at most 25",
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_cannot_be_used_is_named_with_its_key(tmp_path: Path, case: str) -> None:
    changes, said = UNFIT[case]
    path = save(tmp_path / "mine.npz", **changes)
    with pytest.raises(UserError) as caught:
        own_facts(SETTINGS, path)
    assert said in str(caught.value)
    assert "configuration key" in caught.value.where


def _text(path: Path) -> None:
    path.write_text("no archive", encoding="utf-8")


def _cut(path: Path) -> None:
    content = save(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train_images.npy", b"no array")


@pytest.mark.parametrize("spoil", [_text, _cut, _other_zip, Path.mkdir, Path.touch])
def test_a_file_that_is_no_archive_of_arrays(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(tmp_path / "mine.npz")
    with pytest.raises(UserError, match="cannot be read") as caught:
        own_facts(SETTINGS, tmp_path / "mine.npz")
    assert "sources.root" in caught.value.where


@pytest.mark.parametrize("name", datasets())
def test_the_catalogue_says_all_but_of_own_arrays(name: str) -> None:
    found = catalogue_facts(DataSettings(dataset=name, validation_images=100))
    assert (found is None) == (name == "arrays")
    if found:
        dataset = datasets()[name]
        assert found.n_train == dataset.n_train - 100
        assert (found.n_test, found.n_classes) == (dataset.n_test, len(dataset.class_names))
