"""What is known of a run's images before any job: from the catalogue, or from the user's file.

Of the user's arrays only the headers and the labels are read: the graph of jobs is built each time
that Snakemake is called.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from advlearn.data.catalogue import check_counts, get
from advlearn.data.text import repeated
from advlearn.settings.data import DataSettings, ImageFacts, SourceSettings
from advlearn.support.errors import UserError

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
"""Arrays of an own .npz file."""
CLASS_NAMES = "class_names"
KEY = "configuration key 'sources.root'"


class Header(NamedTuple):
    """Shape and type of an array in an .npz file."""

    shape: tuple[int, ...]
    dtype: np.dtype


def catalogue_facts(data: DataSettings) -> ImageFacts | None:
    """What the catalogue says of a run's images; none where only the user's own file says it."""
    dataset = get(data.dataset)
    if not dataset.n_train:
        return None
    counts = _splits(data, dataset.n_train, dataset.n_test)
    channels, height, width = dataset.shape
    return ImageFacts(*counts, len(dataset.class_names), (channels, height, width))


def image_facts(data: DataSettings, sources: SourceSettings) -> ImageFacts:
    """What is known of a run's images, their file looked at where they are the user's own.

    Raises:
        UserError: the file cannot be read, or has not the arrays that it must have.
    """
    found = catalogue_facts(data)
    if found is None:
        assert sources.root is not None
        found = own_facts(data, sources.root)
    return found


def own_facts(data: DataSettings, path: Path) -> ImageFacts:
    """What an own .npz file holds, without reading the images.

    Raises:
        UserError: it cannot be read, lacks an array, has one that cannot be used, or has fewer
            images than are asked for.
    """
    where = f"{KEY}: {path}"
    headers = npz_headers(path, where)
    check_array_names(headers, where)
    for part in ("train", "test"):
        images, labels = headers[f"{part}_images"], headers[f"{part}_labels"]
        _check_part(part, images, labels, where)
    train, test = (_shape(headers[f"{part}_images"]) for part in ("train", "test"))
    if train[1:] != test[1:]:
        raise UserError(
            f"training images have the shape {train[1:]}, test images {test[1:]}",
            where=where,
            remedy="give images of one shape",
        )
    check_counts(data, train[0], test[0])
    n_classes = _n_classes(path, headers, where)
    channels, height, width = train[1:]
    return ImageFacts(*_splits(data, train[0], test[0]), n_classes, (channels, height, width))


def npz_headers(path: Path, where: str) -> dict[str, Header]:
    """Shape and type of every array of an .npz file.

    Args:
        path: the file.
        where: what names it in the error.

    Raises:
        UserError: it is no .npz file that this account can read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            twice = repeated(archive.namelist())
            if twice:
                raise ValueError(f"the array {twice[0].removesuffix('.npy')!r} is in it twice")
            return {
                name.removesuffix(".npy"): _header(archive, name) for name in archive.namelist()
            }
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(error, where) from error


def check_array_names(arrays: Mapping[str, object], where: str) -> None:
    """Refuse an own .npz file that has not exactly the arrays it must have.

    Raises:
        UserError: an array is missing, or one has an unknown name.
    """
    absent = [name for name in ARRAYS if name not in arrays]
    unknown = sorted(set(arrays) - {*ARRAYS, CLASS_NAMES})
    if absent or unknown:
        lacks = [f"lacks {', '.join(absent)}"] if absent else []
        holds = [f"holds unknown {', '.join(unknown)}"] if unknown else []
        raise UserError(
            f"the .npz file {' and '.join(lacks + holds)}",
            where=where,
            remedy=f"it holds exactly {', '.join(ARRAYS)} and, if wanted, {CLASS_NAMES}",
        )


def _header(archive: zipfile.ZipFile, name: str) -> Header:
    with archive.open(name) as stream:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in read:
            raise ValueError(f"the array {name!r} is in the unknown format {version}")
        shape, _, dtype = read[version](stream)
    if dtype.hasobject:
        raise ValueError(f"the array {name!r} holds Python objects")
    return Header(shape, dtype)


def _shape(images: Header) -> tuple[int, ...]:
    """(n, channels, height, width) of images with or without channels."""
    shape = images.shape
    return (shape[0], 1, *shape[1:]) if len(shape) == 3 else shape


def _check_part(part: str, images: Header, labels: Header, where: str) -> None:
    shape = _shape(images)
    if len(shape) != 4 or shape[1] not in (1, 3) or 0 in shape:
        raise UserError(
            f"{part}_images has the shape {images.shape}",
            where=where,
            remedy="give (n, height, width) or (n, channels, height, width) with 1 or 3 channels"
            " and at least one image",
        )
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise UserError(
            f"{part}_images has the type {images.dtype}",
            where=where,
            remedy="give uint8 in 0..255 or floating point in [0, 1]",
        )
    if len(labels.shape) != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"{part}_labels has the type {labels.dtype} and the shape {labels.shape}",
            where=where,
            remedy="give whole numbers 0, 1, ... in one dimension",
        )
    if labels.shape[0] != shape[0]:
        raise UserError(
            f"{part}_labels has {labels.shape[0]} labels for {shape[0]} images",
            where=where,
            remedy="give one label an image",
        )


def _n_classes(path: Path, headers: Mapping[str, Header], where: str) -> int:
    """Number of classes, each of which has a training image, and no test image any other."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            train, test = archive["train_labels"], archive["test_labels"]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(error, where) from error
    named = headers.get(CLASS_NAMES)
    count = int(np.prod(named.shape, dtype=int)) if named else int(train.max()) + 1
    for part, labels in (("train", train), ("test", test)):
        outside = labels[(labels < 0) | (labels >= count)]
        if outside.size:
            raise UserError(
                f"{part}_labels holds {outside[0]}, and there are {count} classes",
                where=where,
                remedy=f"use labels 0 to {count - 1}",
            )
    present = set(np.unique(train).tolist())
    if len(present) < count:
        absent = next(label for label in range(count) if label not in present)
        raise UserError(
            f"no training image has the label {absent}",
            where=where,
            remedy="number the classes 0, 1, ... without gaps",
        )
    return count


def _splits(data: DataSettings, n_train: int, n_test: int) -> tuple[int, int, int]:
    """Images of the training, validation and test split of a run."""
    left = n_train - data.validation_images
    train = left if data.train_images is None else data.train_images
    return train, data.validation_images, n_test if data.test_images is None else data.test_images


def _unreadable(error: Exception, where: str) -> UserError:
    return UserError(
        f"the .npz file cannot be read: {error}",
        where=where,
        remedy="write it with numpy.savez from numeric arrays, without pickle",
    )
