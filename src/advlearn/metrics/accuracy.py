"""Logits and correct predictions, a batch at a time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from advlearn.metrics.logits import check_classes, check_labels, check_logits, check_shape
from advlearn.support.errors import UserError


def all_logits(network: nn.Module, images: Tensor, batch_size: int = 500) -> Tensor:
    """Logits (n, n_classes) of ``images`` (n, c, h, w) in [0, 1], on the CPU.

    Raises:
        UserError: no images, or logits that are not finite or of a wrong shape.
    """
    if not len(images):
        raise UserError(
            "a network is evaluated on at least one image",
            where=f"images of shape {tuple(images.shape)}",
            remedy="use more images",
        )
    device = next(network.parameters()).device
    parts = []
    for batch in images.split(batch_size):
        with torch.no_grad():
            # A copy: a first layer that works in place would change the caller's images.
            part = network(batch.to(device, copy=True)).cpu()
        check_shape(part, len(batch))
        parts.append(part)
    logits = torch.cat(parts)
    # Not batch by batch: the error counts the images of all.
    check_logits(logits, len(images))
    return logits


def correct(
    network: nn.Module, images: Tensor, labels: Tensor, batch_size: int = 500
) -> np.ndarray:
    """Whether each image is classified rightly, bool (n,).

    Raises:
        UserError: as :func:`all_logits`, or labels that do not fit.
    """
    check_labels(labels, len(images))
    if not len(images):
        return np.zeros(0, dtype=bool)
    logits = all_logits(network, images, batch_size)
    check_classes(labels, logits.shape[1])
    verdicts: np.ndarray = (logits.argmax(dim=1) == labels.cpu()).numpy()
    return verdicts
