"""Deviations that depend on a classifier's logits (n, k) and the true labels (n,)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from advlearn.support.errors import UserError

Deviation = Callable[[Tensor, Tensor], Tensor]
"""``(logits (n, k), labels int64 (n,)) -> (n,)``, which the attacker maximises."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log softmax(logits)[label] of each image, in nats, (n,)."""
    return torch.nn.functional.cross_entropy(logits, labels, reduction="none")


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
