"""The prepared folder of a multi-label data set.

``images.csv`` (split, position, name, labels) lists the images split by split; ``labels`` are class
indices joined by spaces. ``images.npy`` holds scenes as uint8 (n, channels, height, width) in the
order of ``images.csv``; photos are not in it but decoded from their folder when they are looked at,
so that a data set may outgrow memory and disk. ``skipped.csv`` (name, reason) lists the photos left
out. ``dataset.json`` describes all this and is written last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, cast

import numpy as np
import pandas as pd

from advlearn.data.multilabel.photos import Mode, Photos
from advlearn.data.splits import SPLITS, SplitName
from advlearn.support.errors import UserError, unknown_name
from advlearn.support.io import (
    read_csv,
    read_json,
    read_npy,
    write_csv,
    write_json,
    write_npy_blocks,
)

_REMEDY = "delete the folder and run the stage topk_data again"
_DAMAGED = (OSError, ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True)
class MultiLabelInfo:
    """What a prepared multi-label data set is.

    Attributes:
        name: its name in the configuration.
        class_names: one name a class.
        shape: (channels, height, width).
        n_train: images of the training split.
        n_validation: images of the validation split.
        n_test: images of the test split.
        found: images by official part, before any was left out.
        skipped: number of images left out by reason.
        cardinality: mean number of labels an image by split.
        changed: number of photos by what is done to them on the way to 8-bit RGB.
        shared: number of images that two splits have in common, see ``splits.count_shared``; of
            scenes those that they are composed of.
        storage: ``arrays`` (images.npy) or ``photos`` (decoded from ``root``).
        root: folder of the photos; none for arrays.
        mode: how photos become squares, see ``photos.decode``; none for arrays.
    """

    name: str
    class_names: tuple[str, ...]
    shape: tuple[int, int, int]
    n_train: int
    n_validation: int
    n_test: int
    found: Mapping[str, int]
    skipped: Mapping[str, int]
    cardinality: Mapping[str, float]
    storage: Literal["arrays", "photos"]
    root: str | None = None
    mode: Mode | None = None
    changed: Mapping[str, int] = field(default_factory=dict)
    shared: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


class Images(Protocol):
    """Images that are made when they are looked at, a batch at a time."""

    shape: tuple[int, ...]

    def __len__(self) -> int: ...

    def __getitem__(self, positions: slice | Sequence[int] | np.ndarray) -> np.ndarray:
        """The images at ``positions`` as float32 (m, channels, height, width) in [0, 1]."""


class StoredImages:
    """Rows of a uint8 array as images in [0, 1].

    Args:
        pixels: uint8 (n, channels, height, width), usually mapped from a file.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels
        self.shape: tuple[int, ...] = pixels.shape

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, positions: slice | Sequence[int] | np.ndarray) -> np.ndarray:
        """The images at ``positions`` as float32 (m, channels, height, width) in [0, 1]."""
        block = self.pixels[np.arange(len(self))[positions]]
        images: np.ndarray = np.divide(block, np.float32(255), dtype=np.float32)
        return images


@dataclass(frozen=True)
class MultiLabelSplit:
    """One split.

    Attributes:
        labels: bool (n, classes).
        names: one name an image, of a photo its path inside the folder of the photos.
        images: ``images[positions]`` gives float32 (m, channels, height, width) in [0, 1].
    """

    labels: np.ndarray
    names: list[str]
    images: Images

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class SplitLabels:
    """Names and labels of one split, to be stored.

    Attributes:
        names: one name an image.
        labels: bool (n, classes).
    """

    names: Sequence[str]
    labels: np.ndarray


def save_multilabel(
    out: Path,
    *,
    name: str,
    class_names: Sequence[str],
    shape: tuple[int, int, int],
    splits: Mapping[SplitName, SplitLabels],
    found: Mapping[str, int],
    skipped: Sequence[tuple[str, str]] = (),
    root: Path | None = None,
    mode: Mode | None = None,
    changed: Mapping[str, int] | None = None,
    shared: Mapping[str, int] | None = None,
) -> None:
    """Write all of a prepared folder but the images themselves (see ``save_images``).

    Args:
        out: path of ``dataset.json``; everything else is written beside it.
        name: name of the data set in the configuration.
        class_names: one name a class.
        shape: (channels, height, width).
        splits: names and labels of each of the three splits.
        found: images by official part, before any was left out.
        skipped: (name, reason) of each image left out.
        root: folder of the photos; none when the images are stored as an array.
        mode: how photos become squares; none when the images are stored as an array.
        changed: number of photos by what is done to them on the way to 8-bit RGB.
        shared: number of images that two splits have in common.

    Raises:
        UserError: the folder cannot be written to or the disk is full.
    """
    rows = [
        (split, position, given, " ".join(map(str, np.flatnonzero(row))))
        for split in SPLITS
        for position, (given, row) in enumerate(
            zip(splits[split].names, splits[split].labels, strict=True)
        )
    ]
    reasons = pd.Series([reason for _, reason in skipped], dtype=str).value_counts()
    info = MultiLabelInfo(
        name=name,
        class_names=tuple(class_names),
        shape=shape,
        n_train=len(splits["train"].names),
        n_validation=len(splits["validation"].names),
        n_test=len(splits["test"].names),
        found=dict(found),
        skipped={str(reason): int(count) for reason, count in reasons.items()},
        cardinality={
            split: float(part.labels.sum(axis=1).mean()) for split, part in splits.items()
        },
        storage="arrays" if root is None else "photos",
        root=None if root is None else str(root.resolve()),
        mode=mode,
        changed=dict(changed or {}),
        shared=dict(shared or {}),
    )
    folder = out.parent
    write_csv(
        folder / "images.csv", pd.DataFrame(rows, columns=["split", "position", "name", "labels"])
    )
    write_csv(
        folder / "skipped.csv", pd.DataFrame(list(skipped), columns=["name", "reason"], dtype=str)
    )
    write_json(out, asdict(info))


def save_images(
    folder: Path, count: int, shape: tuple[int, int, int], blocks: Iterable[np.ndarray]
) -> None:
    """Write ``images.npy`` a block at a time, so that the images need not fit into memory.

    Args:
        folder: the prepared folder.
        count: number of images; 0 for photos.
        shape: (channels, height, width).
        blocks: uint8 (m, channels, height, width), one after the other in the order of images.csv.

    Raises:
        UserError: the folder cannot be written to or the disk is full.
        ValueError: the blocks do not hold ``count`` images of this shape.
    """
    write_npy_blocks(folder / "images.npy", (count, *shape), np.uint8, blocks)


@dataclass(frozen=True)
class MultiLabelData:
    """A prepared multi-label data set.

    Attributes:
        info: what it is.
        folder: where it is.
    """

    info: MultiLabelInfo
    folder: Path
    _table: pd.DataFrame

    def split(self, name: SplitName) -> MultiLabelSplit:
        """One split.

        Raises:
            UserError: the split is unknown, or the images are missing or damaged.
        """
        if name not in SPLITS:
            raise unknown_name("split", name, list(SPLITS), where="argument 'name'")
        rows = np.flatnonzero((self._table["split"] == name).to_numpy())
        part = self._table.iloc[rows]
        labels = np.zeros((len(part), self.info.n_classes), dtype=bool)
        for row, listed in enumerate(part["labels"]):
            labels[row, [int(index) for index in listed.split()]] = True
        names = [str(each) for each in part["name"]]
        return MultiLabelSplit(labels, names, self._images(rows, names))

    def _images(self, rows: np.ndarray, names: list[str]) -> Images:
        info = self.info
        if info.storage == "photos":
            root = Path(str(info.root))
            if not root.is_dir():
                raise UserError(
                    "the folder of the photos is not there any more",
                    where=f"{root}, named in {self.folder / 'dataset.json'}",
                    remedy="put it back, or correct 'root' and run the stage topk_data again",
                )
            return Photos(root, names, info.shape[-1], cast("Mode", info.mode))
        path = self.folder / "images.npy"
        stored = read_npy(path, mmap=True)
        if stored.shape != (len(self._table), *info.shape) or stored.dtype != np.uint8:
            raise _damaged(
                path, f"it holds {stored.dtype} {stored.shape} for {len(self._table)} images"
            )
        # The rows of a split follow each other, so that this is a view and nothing is read yet.
        return StoredImages(stored[rows[0] : rows[-1] + 1])


def load_multilabel(data: Path) -> MultiLabelData:
    """Open a prepared multi-label data set.

    Args:
        data: the prepared folder, or the ``dataset.json`` in it.

    Raises:
        UserError: a file is missing or damaged.
    """
    folder = data.parent if data.suffix == ".json" else data
    path = folder / "dataset.json"
    try:
        value: dict[str, Any] = read_json(path)
        channels, height, width = (int(side) for side in value.pop("shape"))
        names = tuple(str(name) for name in value.pop("class_names"))
        info = MultiLabelInfo(shape=(channels, height, width), class_names=names, **value)
        if info.storage not in ("arrays", "photos"):
            raise ValueError(f"unknown storage {info.storage!r}")
    except UserError:
        raise
    except _DAMAGED as error:
        raise _damaged(path, str(error)) from error
    path = folder / "images.csv"
    try:
        table = read_csv(path, dtype={"position": np.int64, "name": str, "labels": str})
        wanted = [
            (split, position) for split in SPLITS for position in range(getattr(info, f"n_{split}"))
        ]
        if list(zip(table["split"], table["position"], strict=True)) != wanted:
            raise ValueError("its rows are not those that dataset.json counts")
        indices = {int(index) for listed in table["labels"] for index in listed.split()}
        if not indices <= set(range(info.n_classes)):
            raise ValueError(f"a label is outside 0..{info.n_classes - 1}")
    except UserError:
        raise
    except _DAMAGED as error:
        raise _damaged(path, str(error)) from error
    return MultiLabelData(info, folder, table)


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(f"the prepared data cannot be read: {reason}", where=str(path), remedy=_REMEDY)
