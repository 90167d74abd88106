"""Checks of images and labels, before a stage relies on them."""

from __future__ import annotations

import sys

import numpy as np

from advlearn.support.errors import UserError, told_apart

_BLOCK = 4096


def check_images(images: np.ndarray, *, where: str) -> None:
    """Refuse what is no set of images in [0, 1].

    Args:
        images: uint8 (0..255 stands for [0, 1]) or float32, (n, channels, height, width).
        where: file or array for the message.

    Raises:
        UserError: no image, a wrong shape or type, NaN, or a value outside [0, 1].
    """
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise UserError(
            f"images of shape {images.shape} instead of (n, channels, height, width)",
            where=where,
            remedy="give images of four dimensions",
        )
    if not len(images):
        raise UserError("there is no image", where=where, remedy="give at least one image")
    if images.dtype == np.uint8:
        return
    if images.dtype != np.float32:
        raise UserError(
            f"images of type {images.dtype}", where=where, remedy="give uint8 or float32"
        )
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK]
        good = (block >= 0) & (block <= 1)
        if not good.all():
            image = start + int(np.flatnonzero(~good.reshape(len(block), -1).all(axis=1))[0])
            worst = images[image].reshape(-1)
            value = float(worst[~((worst >= 0) & (worst <= 1))][0])
            shown, _ = told_apart(value, 0.0 if value < 0 else 1.0)
            raise UserError(
                f"image {image} holds the value {shown}, which is NaN or outside [0, 1]",
                where=where,
                remedy="remove NaN and scale the images to [0, 1], or give uint8",
            )


def check_scale(images: np.ndarray, *, where: str) -> None:
    """Refuse images in [0, 1] that are kept as if they were in 0..255, or were divided twice.

    All of them would be black to a network. A set of images that really is black cannot be used
    either. Where the brightest value is in the darkest quarter of the range, that is printed.

    Args:
        images: uint8 or float32, (n, channels, height, width), n at least 1.
        where: file or array for the message.

    Raises:
        UserError: no value is above the 255th part of the range.
    """
    whole = images.dtype == np.uint8
    brightest = images.max()
    if brightest <= (1 if whole else np.float32(1 / 255)):
        raise UserError(
            f"no image holds a value above {1 if whole else '1/255'}: all are black, or were "
            + ("scaled to [0, 1] before they became uint8" if whole else "divided by 255 twice"),
            where=where,
            remedy="give uint8 in 0..255 (0 and 255 for black and white), or floating point in"
            " [0, 1]",
        )
    if brightest < (64 if whole else 0.25):
        print(
            f"[{where}] the images are dark: the brightest value is {brightest:.4g} of"
            f" {255 if whole else 1}",
            file=sys.stderr,
        )


def check_labels(labels: np.ndarray, n_classes: int, n_images: int, *, where: str) -> None:
    """Refuse labels that do not fit the images or the classes.

    Args:
        labels: whole numbers (n).
        n_classes: number of classes.
        n_images: number of images that the labels belong to.
        where: file or array for the message.

    Raises:
        UserError: another number of labels than images, no whole numbers, or one outside
            0..n_classes-1.
    """
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"labels of type {labels.dtype} and shape {labels.shape}",
            where=where,
            remedy="give whole numbers in one dimension",
        )
    if len(labels) != n_images:
        raise UserError(
            f"{len(labels)} labels for {n_images} images",
            where=where,
            remedy="give one label an image",
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= n_classes))
    if wrong.size:
        raise UserError(
            f"label {labels[wrong[0]]} of image {wrong[0]} is outside 0..{n_classes - 1}",
            where=where,
            remedy=f"use labels 0 to {n_classes - 1}",
        )
