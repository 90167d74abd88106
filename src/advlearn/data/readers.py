"""From raw files to the official training and test sets, one reader a format."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advlearn.data.catalogue import Dataset
from advlearn.data.cifar import read_batches
from advlearn.data.facts import ARRAYS, check_array_names
from advlearn.data.fetch import ARRAYS_FILE
from advlearn.data.idx import read_idx
from advlearn.data.splits import stratified_order
from advlearn.data.text import check_names, repeated
from advlearn.data.validation import check_images, check_labels, check_scale
from advlearn.support.errors import UserError


@dataclass(frozen=True)
class Official:
    """The official training and test set of a data set.

    Attributes:
        train_images: uint8, or float32 in [0, 1], (n, channels, height, width).
        train_labels: int64 (n), each in 0..classes-1.
        test_images: like ``train_images``.
        test_labels: like ``train_labels``.
        class_names: one name a class.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]


def read(dataset: Dataset, files: Mapping[str, Path]) -> Official:
    """Read a data set from its raw files and check what they hold.

    Args:
        dataset: the data set.
        files: path of each raw file by file name.

    Raises:
        UserError: a file is damaged, missing, or holds images or labels that cannot be used.
    """
    readers: dict[str, Callable[[Dataset, Mapping[str, Path]], Official]] = {
        "idx": _read_idx,
        "cifar": _read_cifar,
        "digits": _read_digits,
        "arrays": _read_arrays,
    }
    official = readers[dataset.reader](dataset, files)
    n_classes = len(official.class_names)
    try:
        check_names(official.class_names, "class")
    except ValueError as error:
        raise UserError(
            f"classes cannot be told apart: {error}",
            where=f"data set {dataset.name!r}, names of its classes",
            remedy="give each class a name of its own",
        ) from error
    for part in ("train", "test"):
        where = f"data set {dataset.name!r}, {part} set"
        images: np.ndarray = getattr(official, f"{part}_images")
        labels: np.ndarray = getattr(official, f"{part}_labels")
        check_images(images, where=where)
        check_labels(labels, n_classes, len(images), where=where)
    if official.train_images.shape[1:] != official.test_images.shape[1:]:
        raise UserError(
            f"training images have the shape {official.train_images.shape[1:]}, test images "
            f"{official.test_images.shape[1:]}",
            where=f"data set {dataset.name!r}",
            remedy="give images of one shape",
        )
    for part in ("train", "test"):
        where = f"data set {dataset.name!r}, {part} set"
        check_scale(getattr(official, f"{part}_images"), where=where)
    return official


def _read_idx(dataset: Dataset, files: Mapping[str, Path]) -> Official:
    arrays = {}
    for role in ARRAYS:
        images = role.endswith("images")
        array = read_idx(_with_role(dataset, files, role)[0], 3 if images else 1)
        arrays[role] = array[:, np.newaxis] if images else array.astype(np.int64)
    return Official(**arrays, class_names=dataset.class_names)


def _read_cifar(dataset: Dataset, files: Mapping[str, Path]) -> Official:
    train = read_batches(_with_role(dataset, files, "train"))
    test = read_batches(_with_role(dataset, files, "test"))
    return Official(*train, *test, class_names=dataset.class_names)


def _read_digits(dataset: Dataset, files: Mapping[str, Path]) -> Official:
    """scikit-learn's digits have no official test set: a fifth of every class is taken as one.

    Pixels 0..16 become 0..255 (nearest). The draw is fixed: it depends on no seed.
    """
    # Of all data sets only this one pays for the import: a second.
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = np.rint(images * (255 / 16)).astype(np.uint8).reshape(-1, *dataset.shape)
    classes = labels.astype(np.int64)
    order = stratified_order(classes, "digits", "official test set")
    test, train = np.sort(order[: dataset.n_test]), np.sort(order[dataset.n_test :])
    return Official(pixels[train], classes[train], pixels[test], classes[test], dataset.class_names)


def _read_arrays(dataset: Dataset, files: Mapping[str, Path]) -> Official:
    path = files.get(ARRAYS_FILE)
    if path is None:
        raise _missing(dataset, ARRAYS_FILE)
    try:
        with np.load(path, allow_pickle=False) as archive:
            twice = repeated(archive.files)
            if twice:
                raise ValueError(f"the array {twice[0]!r} is in it twice")
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"the .npz file cannot be read: {error}",
            where=str(path),
            remedy="write it with numpy.savez from numeric arrays, without pickle",
        ) from error
    check_array_names(arrays, str(path))
    for name in ("train_labels", "test_labels"):
        if not np.issubdtype(arrays[name].dtype, np.integer) or arrays[name].ndim != 1:
            raise UserError(
                f"{name} has type {arrays[name].dtype} and shape {arrays[name].shape}",
                where=f"{path}, array {name!r}",
                remedy="give whole numbers 0, 1, ... in one dimension",
            )
        arrays[name] = arrays[name].astype(np.int64)
    if not arrays["train_labels"].size:
        raise UserError(
            "the training set is empty", where=str(path), remedy="give at least one image a class"
        )
    if "class_names" in arrays:
        names = _class_names(arrays["class_names"], f"{path}, array 'class_names'")
    else:
        names = tuple(str(label) for label in range(int(arrays["train_labels"].max()) + 1))
    present = set(np.unique(arrays["train_labels"]).tolist())
    empty = [label for label in range(len(names)) if label not in present]
    if empty:
        raise UserError(
            f"no training image has the label {', '.join(map(str, empty[:10]))}",
            where=f"{path}, array 'train_labels'",
            remedy="number the classes 0, 1, ... without gaps",
        )
    return Official(
        _channels_first(arrays["train_images"], f"{path}, array 'train_images'"),
        arrays["train_labels"],
        _channels_first(arrays["test_images"], f"{path}, array 'test_images'"),
        arrays["test_labels"],
        names,
    )


def _class_names(names: np.ndarray, where: str) -> tuple[str, ...]:
    """Names without blanks around them; whole numbers are written out."""
    if names.ndim != 1 or not (names.dtype.kind == "U" or np.issubdtype(names.dtype, np.integer)):
        raise UserError(
            f"class_names has type {names.dtype} and shape {names.shape}",
            where=where,
            remedy="give texts in one dimension, one a class, or leave the array out",
        )
    return tuple(str(name).strip() for name in names)


def _channels_first(images: np.ndarray, where: str) -> np.ndarray:
    """Images as (n, channels, height, width), uint8 as they are, floating point as float32."""
    if images.ndim == 3:
        images = images[:, np.newaxis]
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise UserError(
            f"images of shape {images.shape}",
            where=where,
            remedy="give (n, height, width) or (n, channels, height, width) with 1 or 3 channels",
        )
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise UserError(
            f"images of type {images.dtype}",
            where=where,
            remedy="give uint8 in 0..255 or floating point in [0, 1]",
        )
    return images.astype(np.float32)


def _with_role(dataset: Dataset, files: Mapping[str, Path], role: str) -> list[Path]:
    found = []
    for file in dataset.files:
        if file.role == role:
            if file.name not in files:
                raise _missing(dataset, file.name)
            found.append(files[file.name])
    return found


def _missing(dataset: Dataset, name: str) -> UserError:
    return UserError(
        f"the manifest names no file {name} of the data set {dataset.name!r}",
        where="manifest of the raw files",
        remedy="delete the manifest and run the stage download again",
    )
