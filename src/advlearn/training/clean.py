"""Training on clean images alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from advlearn.settings.network import TrainingSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.seeds import derive_seed
from advlearn.training.fit import Batch, check_batch_size, make_optimiser, run_steps, shuffled
from advlearn.training.loop import Loop


def train_clean(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    settings: TrainingSettings,
    seed: int,
    after_epoch: Callable[[int, float], Any] = lambda epoch, loss: None,
    checkpoint: Checkpoint | None = None,
) -> list[Any]:
    """Train ``network`` in place; it is left in evaluation mode.

    Args:
        network: classifier.
        images: (n, c, h, w) in [0, 1].
        labels: (n,) class numbers.
        settings: epochs, batch size, learning rate, optimiser.
        seed: decides the order of the images and dropout.
        after_epoch: called with the epoch, from 1, and its mean loss; what it returns must fit
            into JSON.
        checkpoint: progress of the job, from which the training resumes.

    Returns:
        What ``after_epoch`` returned, an entry an epoch.

    Raises:
        UserError: training diverges, or batches of one image for a network with batch
            normalisation.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "order"))
    torch.manual_seed(derive_seed(seed, "dropout"))
    check_batch_size(network, settings.batch_size)
    optimiser = make_optimiser(network, settings.optimiser, settings.learning_rate)
    loop = Loop(network, optimiser, (generator,), checkpoint=checkpoint)
    history: list[Any] = loop.values.setdefault("history", [])
    for epoch in loop.epochs(settings.epochs):
        order = shuffled(len(images), settings.batch_size, generator)
        batches = [partial(_batch, images, labels, positions) for positions in order]
        loss = run_steps(network, optimiser, loop, batches)
        history.append(after_epoch(epoch, loss))
    network.eval()
    return history


def _batch(images: Tensor, labels: Tensor, positions: Tensor) -> Batch:
    return images[positions], labels[positions]
