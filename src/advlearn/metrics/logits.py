"""Logits as they come from a network: of the right shape, finite, and with the labels' classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from advlearn.support.errors import UserError
from advlearn.support.finite import check_finite, deferred_checks

_REMEDY = (
    "train with a smaller learning rate, and look for a root, a logarithm or a division at 0 in"
    " the network; log-probabilities of -inf are no logits: return the scores before the softmax"
)


def check_logits(logits: Tensor, n: int, n_classes: int | None = None) -> None:
    """Refuse logits that no prediction, loss or attack can be based on.

    Args:
        logits: what the network returned.
        n: number of images it was given.
        n_classes: number of classes or labels, where it is known.

    Raises:
        UserError: no table with a row an image and a column a class.
        NotFiniteError: a logit is NaN or infinite; -inf is no exception: margins, ratios and
            linearised distances to such a class do not exist.
    """
    check_shape(logits, n, n_classes)
    check_finite(logits, "the network's logits", remedy=_REMEDY)


def check_shape(logits: Tensor, n: int, n_classes: int | None = None) -> None:
    """Refuse logits that are no table with a row an image and a column a class.

    Arguments and UserError as for :func:`check_logits`.
    """
    wide = logits.ndim == 2 and logits.shape[1] >= 1
    if not wide or len(logits) != n or logits.shape[1] != (n_classes or logits.shape[1]):
        wanted = n_classes or "classes"
        raise UserError(
            f"the network returned logits of shape {tuple(logits.shape)} for {n} images",
            where=f"logits, wanted ({n}, {wanted})",
            remedy="return a row an image and a column a class or label, also for a single image",
        )


def logits_of(network: nn.Module, images: Tensor) -> Tensor:
    """Logits (n, classes) of ``images`` (n, ...) in one pass, without a gradient.

    The network is given a copy: a first layer that works in place would change the images.

    Raises:
        UserError: as :func:`check_logits`.
    """
    with torch.no_grad():
        logits: Tensor = network(images.clone())
    check_logits(logits, len(images))
    return logits


def check_labels(labels: Tensor, n: int) -> None:
    """Refuse labels that are no class numbers.

    Args:
        labels: one an image.
        n: number of images.

    Raises:
        UserError: another length or type than int64 (n,), or a number below 0.
    """
    if labels.shape != (n,):
        raise UserError(
            "there must be one label for each image",
            where=f"{tuple(labels.shape)} labels for {n} images",
            remedy="pass labels of shape (n,)",
        )
    if labels.dtype != torch.int64:
        raise UserError(
            "labels must be whole numbers of type int64",
            where=f"labels of type {labels.dtype}",
            remedy="number the classes from 0 and pass labels.long()",
        )
    if n and int(labels.min()) < 0:
        raise UserError(
            "labels must be class numbers, the first class is 0",
            where=f"label {int(labels.min())} of image {int(labels.argmin())}",
            remedy="number the classes from 0",
        )


def check_classes(labels: Tensor, n_classes: int) -> None:
    """Refuse labels for which the network has no logit.

    Args:
        labels: int64 (n,), at least 0.
        n_classes: number of logits.

    Raises:
        UserError: a label is not below ``n_classes``. Within
            :func:`~advlearn.support.finite.deferred` the caller has looked before: a GPU does not
            survive a loss of such a label.
    """
    if not len(labels):
        return
    checks = deferred_checks()
    if checks is not None:
        checks.require(labels.max() < n_classes)
    elif int(labels.max()) >= n_classes:
        raise UserError(
            f"a label is outside the network's {n_classes} classes",
            where=f"label {int(labels.max())} of {int((labels >= n_classes).sum())} of"
            f" {len(labels)} images, classes are 0 to {n_classes - 1}",
            remedy="number the classes from 0, or use a network with as many logits as classes",
        )
