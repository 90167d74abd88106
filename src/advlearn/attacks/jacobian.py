"""Gradients of several functions of the logits from one forward pass."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from advlearn.metrics.logits import check_logits
from advlearn.problem.evasion import input_gradient

Pullback = Callable[[Callable[[Tensor], Tensor]], Tensor]
"""``(logits (m, c) -> (m,)) -> (m, d)``: each image's gradient by its pixels, flattened."""


def logits_with_pullback(learner: nn.Module, images: Tensor) -> tuple[Tensor, Pullback]:
    """Logits (m, c), and what gives gradients by the pixels, a backward pass a call.

    Args:
        learner: frozen network that treats each image on its own.
        images: (m, ...).

    Raises:
        UserError: logits of a wrong shape, or logits or gradients that are not finite.
    """
    point = images.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = learner(point)
    check_logits(logits.detach(), len(point))

    def pull(function: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.enable_grad():
            return input_gradient(function(logits).sum(), point, keep=True).flatten(1)

    return logits.detach(), pull


def logit(label: Tensor) -> Callable[[Tensor], Tensor]:
    """``logits (m, c) -> (m,)``: the logit of each image's own ``label``, int64 (m,)."""

    def chosen(logits: Tensor) -> Tensor:
        return logits.gather(1, label[:, None]).squeeze(1)

    return chosen
