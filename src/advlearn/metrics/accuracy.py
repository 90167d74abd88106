"""Logits and correct predictions, a batch at a time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


@torch.no_grad()
def all_logits(network: nn.Module, images: Tensor, batch_size: int = 500) -> Tensor:
    """Logits (n, n_classes) of ``images`` (n, c, h, w) in [0, 1], on the CPU."""
    device = next(network.parameters()).device
    return torch.cat([network(batch.to(device)).cpu() for batch in images.split(batch_size)])


def correct(network: nn.Module, images: Tensor, labels: Tensor) -> np.ndarray:
    """Whether each image is classified rightly, bool (n,).

    Raises:
        FloatingPointError: the network gave a logit that is not finite.
    """
    logits = all_logits(network, images)
    if not bool(torch.isfinite(logits).all()):
        raise FloatingPointError("the network gave logits that are not finite")
    verdicts: np.ndarray = (logits.argmax(dim=1) == labels.cpu()).numpy()
    return verdicts
