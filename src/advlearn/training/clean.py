"""Training on clean images alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from advlearn.settings.network import TrainingSettings
from advlearn.support.seeds import derive_seed
from advlearn.training.fit import Batch, make_optimiser, run_steps, shuffled


def train_clean(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    settings: TrainingSettings,
    seed: int,
    after_epoch: Callable[[int, float], None] = lambda epoch, loss: None,
) -> None:
    """Train ``network`` in place; it is left in evaluation mode.

    Args:
        network: classifier.
        images: (n, c, h, w) in [0, 1].
        labels: (n,) class numbers.
        settings: epochs, batch size, learning rate, optimiser.
        seed: decides the order of the images and dropout.
        after_epoch: called with the epoch, from 1, and its mean loss.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "order"))
    torch.manual_seed(derive_seed(seed, "dropout"))
    optimiser = make_optimiser(network, settings.optimiser, settings.learning_rate)
    for epoch in range(1, settings.epochs + 1):
        order = shuffled(len(images), settings.batch_size, generator)
        batches = (partial(_batch, images, labels, positions) for positions in order)
        loss = run_steps(network, optimiser, batches)
        after_epoch(epoch, loss)
    network.eval()


def _batch(images: Tensor, labels: Tensor, positions: Tensor) -> Batch:
    return images[positions], labels[positions]
