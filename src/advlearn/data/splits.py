"""Drawing the training, validation and test split from the official sets."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from advlearn.data.catalogue import check_counts
from advlearn.settings.data import DataSettings
from advlearn.support.errors import UserError

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


def stratified_order(labels: np.ndarray, *seed: object) -> np.ndarray:
    """An order of all images whose every beginning holds the classes in their proportions.

    Each image gets a key by hashing (seed, index). Within its class the image of rank r among m (by
    key) is placed at (r + 1/2) / m, and all images are sorted by place. So a beginning of n images
    holds each class with its share of n (give or take one when all are equally large), and a
    shorter beginning is part of every longer one.

    Args:
        labels: int64 (n), at least 0.
        seed: what the order depends on in addition to the labels.

    Returns:
        Positions int64 (n).
    """
    prefix = "\x1f".join(repr(part) for part in seed)
    start = hashlib.blake2b(prefix.encode("utf-8"), digest_size=8)
    keys = np.empty(len(labels), dtype=np.uint64)
    for index in range(len(labels)):
        digest = start.copy()
        digest.update(index.to_bytes(8, "big"))
        keys[index] = int.from_bytes(digest.digest(), "big")
    by_class = np.lexsort((keys, labels))
    counts = np.bincount(labels)
    ranks = np.empty(len(labels), dtype=np.int64)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    ranks[by_class] = np.arange(len(labels)) - first
    # A division is rounded correctly, so equal fractions give equal places and the key decides.
    places = (2 * ranks + 1) / (2 * counts[labels])
    return np.lexsort((keys, places))


def draw_splits(
    train_labels: np.ndarray, test_labels: np.ndarray, settings: DataSettings
) -> pd.DataFrame:
    """Draw train and validation, disjoint, from the official training set, test from the other.

    Args:
        train_labels: labels of the official training set, int64 (n).
        test_labels: labels of the official test set, int64 (m).
        settings: numbers of images and seed.

    Returns:
        One row an image used, columns source (train or test), index (in that official set) and
        split, sorted within each split by index.

    Raises:
        UserError: more images are asked for than there are, or a class has no training image.
    """
    check_counts(settings, len(train_labels), len(test_labels))
    order = stratified_order(train_labels, settings.split_seed, "validation and train")
    validation, rest = order[: settings.validation_images], order[settings.validation_images :]
    train = rest if settings.train_images is None else rest[: settings.train_images]
    test = stratified_order(test_labels, settings.split_seed, "test")[: settings.test_images]
    absent = np.setdiff1d(np.unique(train_labels), np.unique(train_labels[train]))
    if absent.size:
        raise UserError(
            f"no training image is left of the class {absent[0]}",
            where=f"configuration keys 'data.train_images': {settings.train_images} and "
            f"'data.validation_images': {settings.validation_images}",
            remedy="use more training images or fewer validation images",
        )
    drawn: list[tuple[str, SplitName, np.ndarray]] = [
        ("train", "train", train),
        ("train", "validation", validation),
        ("test", "test", test),
    ]
    return pd.concat(
        [
            pd.DataFrame({"source": source, "index": np.sort(index), "split": split})
            for source, split, index in drawn
        ],
        ignore_index=True,
    )


def count_shared(digests: Mapping[SplitName, Collection[bytes]]) -> dict[str, int]:
    """Count the images that two splits have in common.

    Args:
        digests: of what each image of a split consists of.

    Returns:
        For ``train and validation``, ``train and test`` and ``validation and test`` the number of
        images of the second that are in the first, too; pairs that share none are left out.
    """
    shared = {}
    for first, second in combinations(SPLITS, 2):
        known = set(digests[first])
        count = sum(digest in known for digest in digests[second])
        if count:
            shared[f"{first} and {second}"] = count
    return shared


def image_digests(images: np.ndarray, indices: np.ndarray) -> list[bytes]:
    """A digest of the bytes of each image at some positions.

    Args:
        images: (n, ...) of any type.
        indices: positions (m).
    """
    return [hashlib.blake2b(images[index].tobytes(), digest_size=16).digest() for index in indices]


def say_shared(stage: str, shared: Mapping[str, int]) -> None:
    """Print what ``count_shared`` has found: such images are no independent test."""
    for pair, count in shared.items():
        first, second = pair.split(" and ")
        print(
            f"[{stage}] {count} images of the {second} split are in the {first} split, too, byte"
            " for byte",
            file=sys.stderr,
        )
