"""Deviations that depend on a classifier's logits (n, k) and the true labels (n,)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from advlearn.settings.attack import TARGETED_DLR_CLASSES
from advlearn.support.errors import UserError

Deviation = Callable[[Tensor, Tensor], Tensor]
"""``(logits (n, k), labels int64 (n,)) -> (n,)``, which the attacker maximises."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log softmax(logits)[label] of each image, in nats, (n,)."""
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none")


def predicted_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log softmax(logits)[predicted class] of each image, in nats, (n,); no label is read.

    For a single step from the image itself: at a later iterate the predicted class is another one.
    """
    return cross_entropy(logits, logits.argmax(1))


def margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Logit of the label minus the largest other logit, (n,); negative means misclassified.

    This is what the defender wants large: the attacker maximises :func:`negative_margin`.
    """
    chosen = labels[:, None]
    others = logits.scatter(1, chosen, -torch.inf)
    return logits.gather(1, chosen).squeeze(1) - others.amax(1)


def negative_margin(logits: Tensor, labels: Tensor) -> Tensor:
    """Largest other logit minus the logit of the label, (n,) (Carlini and Wagner 2017, f_6)."""
    return -margin(logits, labels)


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """Difference-of-logits ratio, (n,) (Croce and Hein 2020, equation 6).

    ``-(z_y - max_{i != y} z_i) / (z_(1) - z_(3))`` with z_(1) >= z_(2) >= z_(3) the sorted
    logits. Shifting or scaling all logits changes nothing, so a network cannot hide its gradient
    by large logits as it can from the cross-entropy.

    Raises:
        UserError: fewer than three classes.
    """
    if logits.shape[1] < 3:
        raise UserError(
            "the difference-of-logits ratio needs at least three classes",
            where=f"key 'deviation', value 'dlr', with {logits.shape[1]} classes",
            remedy="use deviation 'cross_entropy' or 'negative_margin'",
        )
    top = logits.topk(3, dim=1).values
    return -margin(logits, labels) / (top[:, 0] - top[:, 2] + 1e-12)


def targeted_dlr(logits: Tensor, goals: Tensor) -> Tensor:
    """Targeted difference-of-logits ratio, (n,) (Croce and Hein 2020, equation 7).

    ``-(z_y - z_t) / (z_(1) - (z_(3) + z_(4)) / 2)`` with the sorted logits as for :func:`dlr`; an
    attacker who is sent to one class t after the other finds what the nearest class hides.

    Args:
        logits: (n, k).
        goals: int64 (n, 2), the label y and the target t of each image.

    Raises:
        UserError: fewer than four classes.
    """
    if logits.shape[1] < TARGETED_DLR_CLASSES:
        raise UserError(
            "the targeted difference-of-logits ratio needs at least four classes",
            where=f"key 'deviation', value 'targeted_dlr', with {logits.shape[1]} classes",
            remedy="use deviation 'cross_entropy', 'negative_margin' or, from 3 classes, 'dlr'",
        )
    top = logits.topk(4, dim=1).values
    label, target = logits.gather(1, goals).unbind(1)
    return (target - label) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + 1e-12)
