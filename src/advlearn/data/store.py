"""The prepared folder of a run: both official sets as arrays, the splits as indices into them.

``train_images.npy`` (n, c, h, w) and ``train_labels.npy`` (n) hold the whole official training set,
``test_*.npy`` the test set; ``splits.csv`` (source, index, split) says which of them a run uses for
what; ``dataset.json`` describes them and is written last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from advlearn.data.splits import SPLITS, SplitName
from advlearn.data.validation import check_images, check_labels
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_json, read_npy, write_csv, write_json, write_npy

if TYPE_CHECKING:
    # Reading official files needs scikit-learn and Pillow; loading a split needs neither.
    from advlearn.data.readers import Official

#: Images in memory at a time. Every split of the data sets known here is one block, so that random
#: starts, which are drawn for a block, are those of the split.
BLOCK = 65_536

_CONVERTED = 4096
_REMEDY = "delete the folder and run the stage prepare again"


@dataclass(frozen=True)
class DatasetInfo:
    """What a prepared data set is.

    Attributes:
        name: its name in the configuration.
        title: its name in text.
        n_classes: number of classes.
        shape: (channels, height, width).
        class_names: one name a class.
        n_train: images of the training split.
        n_validation: images of the validation split, from the official training set.
        n_test: images of the test split, from the official test set.
        split_seed: seed of the draw.
        licence: licence of the data.
        reference: the publication to cite.
        shared: number of images that two splits have in common, see ``splits.count_shared``.
    """

    name: str
    title: str
    n_classes: int
    shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    n_train: int
    n_validation: int
    n_test: int
    split_seed: int
    licence: str
    reference: str
    shared: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Split:
    """One split, ready to compute with.

    Attributes:
        images: float32 (n, channels, height, width) in [0, 1].
        labels: int64 (n).
        indices: int64 (n), position of each image in its official set, ascending.
    """

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class StoredSplit:
    """One split on disk: labels in memory, images read on demand.

    Attributes:
        labels: int64 (n).
        indices: int64 (n), position of each image in its official set, ascending.
        shape: (n, channels, height, width).
    """

    labels: np.ndarray
    indices: np.ndarray
    shape: tuple[int, int, int, int]
    _stored: np.ndarray
    _where: str

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored images: uint8, or float32 in [0, 1]."""
        return self._stored.dtype

    def blocks(self, count: int | None = None) -> Iterator[slice]:
        """Positions of the first ``count`` images, or of all, at most ``BLOCK`` at a time."""
        end = len(self) if count is None else min(count, len(self))
        for start in range(0, end, BLOCK):
            yield slice(start, min(start + BLOCK, end))

    def images(self, rows: slice | np.ndarray | list[int] = slice(None)) -> np.ndarray:
        """Images at some positions of the split, float32 (m, channels, height, width) in [0, 1].

        They are converted block by block, so that no more than the result is in memory.

        Raises:
            UserError: a pixel is NaN or outside [0, 1].
        """
        chosen = self.indices[rows]
        images = np.empty((len(chosen), *self.shape[1:]), dtype=np.float32)
        for start in range(0, len(chosen), _CONVERTED):
            block = self._stored[chosen[start : start + _CONVERTED]]
            check_images(block, where=self._where)
            target = images[start : start + len(block)]
            if block.dtype == np.uint8:
                np.divide(block, np.float32(255), out=target, dtype=np.float32)
            else:
                target[...] = block
        return images


def save_dataset(out: Path, info: DatasetInfo, official: Official, splits: pd.DataFrame) -> None:
    """Write a prepared folder.

    Args:
        out: path of ``dataset.json``; everything else is written beside it.
        info: description of the data.
        official: the official sets, already checked by ``readers.read``.
        splits: table of ``splits.draw_splits``.

    Raises:
        UserError: the folder cannot be written to or the disk is full.
    """
    folder = out.parent
    write_npy(folder / "train_images.npy", official.train_images)
    write_npy(folder / "train_labels.npy", official.train_labels)
    write_npy(folder / "test_images.npy", official.test_images)
    write_npy(folder / "test_labels.npy", official.test_labels)
    write_csv(folder / "splits.csv", splits)
    write_json(out, asdict(info))


def load_info(data: Path) -> DatasetInfo:
    """Read the description of a prepared data set.

    Args:
        data: the prepared folder, or the ``dataset.json`` in it.

    Raises:
        UserError: the description is missing or damaged.
    """
    path = _folder(data) / "dataset.json"
    try:
        value: dict[str, Any] = read_json(path)
        channels, height, width = (int(side) for side in value.pop("shape"))
        names = tuple(str(name) for name in value.pop("class_names"))
        return DatasetInfo(shape=(channels, height, width), class_names=names, **value)
    except UserError:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"the prepared data cannot be read: {error}", where=str(path), remedy=_REMEDY
        ) from error


def load_split(data: Path, split: SplitName) -> Split:
    """Load one split into memory, 4 bytes a pixel.

    Args:
        data: the prepared folder, or the ``dataset.json`` in it.
        split: train, validation or test.

    Raises:
        UserError: as for `open_split`, or a pixel is NaN or outside [0, 1].
    """
    opened = open_split(data, split)
    return Split(opened.images(), opened.labels, opened.indices)


def open_split(data: Path, split: SplitName) -> StoredSplit:
    """Open one split and leave its images on disk.

    Args:
        data: the prepared folder, or the ``dataset.json`` in it.
        split: train, validation or test.

    Raises:
        UserError: the split is unknown or empty, a file is damaged or a label is outside its range.
    """
    folder = _folder(data)
    info = load_info(folder)
    source, indices = _indices(folder / "splits.csv", split)
    path = folder / f"{source}_images.npy"
    stored = read_npy(path, mmap=True)
    all_labels = read_npy(folder / f"{source}_labels.npy")
    if stored.shape[1:] != info.shape or len(stored) != len(all_labels):
        raise UserError(
            f"images of shape {stored.shape} and {len(all_labels)} labels do not fit the shape "
            f"{info.shape} of dataset.json",
            where=str(path),
            remedy=_REMEDY,
        )
    if indices[0] < 0 or indices[-1] >= len(stored):
        raise UserError(
            f"the split {split!r} names image {indices[-1]} of {len(stored)}",
            where=str(folder / "splits.csv"),
            remedy=_REMEDY,
        )
    labels = all_labels[indices]
    check_labels(labels, info.n_classes, len(indices), where=f"{path.parent}, split {split!r}")
    shape = (len(indices), *info.shape)
    return StoredSplit(labels.astype(np.int64), indices, shape, stored, f"{path}, split {split!r}")


def _indices(path: Path, split: SplitName) -> tuple[str, np.ndarray]:
    if split not in SPLITS:
        raise UserError(
            f"unknown split {split!r}",
            where="argument 'split'",
            remedy=f"use one of: {', '.join(SPLITS)}",
        )
    try:
        table = read_csv(path, dtype={"source": str, "index": np.int64, "split": str})
        rows = table[table["split"] == split]
        indices = np.sort(rows["index"].to_numpy())
        sources = set(rows["source"])
    except UserError:
        raise
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"the splits cannot be read: {error}", where=str(path), remedy=_REMEDY
        ) from error
    if not indices.size:
        raise UserError(
            f"the split {split!r} is empty",
            where=str(path),
            remedy=f"raise 'data.{split}_images' and run the stage prepare again",
        )
    wanted = "test" if split == "test" else "train"
    if sources != {wanted} or (np.diff(indices) == 0).any():
        raise UserError(
            f"the split {split!r} is not a set of images of the official {wanted} set",
            where=str(path),
            remedy=_REMEDY,
        )
    return wanted, indices


def _folder(data: Path) -> Path:
    return data.parent if data.suffix == ".json" else data
