"""Training on clean images alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from advlearn.learners.batches import forward
from advlearn.metrics.accuracy import correct
from advlearn.settings.network import TrainingSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.errors import UserError
from advlearn.support.seeds import derive_seed
from advlearn.training.fit import Batch, check_batch_size, make_optimiser, run_steps, shuffled
from advlearn.training.loop import Loop

LOOK_EVERY = 100
"""Steps after which a training that stops at an accuracy looks at it."""


def train_clean(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    settings: TrainingSettings,
    seed: int,
    after_epoch: Callable[[int, float], Any] = lambda epoch, loss: None,
    checkpoint: Checkpoint | None = None,
    held_out: tuple[Tensor, Tensor] | None = None,
) -> list[Any]:
    """Train ``network`` in place; it is left in evaluation mode.

    Args:
        network: classifier.
        images: (n, c, h, w) in [0, 1].
        labels: (n,) class numbers.
        settings: epochs, batch size, learning rate, optimiser, and the accuracy to stop at.
        seed: decides the order of the images and dropout.
        after_epoch: called with the epoch, from 1, and its mean loss; what it returns must fit
            into JSON.
        checkpoint: progress of the job, from which the training resumes.
        held_out: images and class numbers of the validation split, for ``settings.stop_at``.

    Returns:
        What ``after_epoch`` returned, an entry an epoch; the last may have been cut short.

    Raises:
        UserError: training diverges, batches of one image for a network with batch normalisation,
            or an accuracy to stop at without validation images.
    """
    generator = torch.Generator().manual_seed(derive_seed(seed, "order"))
    torch.manual_seed(derive_seed(seed, "dropout"))
    check_batch_size(network, settings.batch_size)
    optimiser = make_optimiser(network, settings.optimiser, settings.learning_rate)
    loop = Loop(network, optimiser, (generator,), checkpoint=checkpoint)
    history: list[Any] = loop.values.setdefault("history", [])
    accurate = _accurate(network, settings, held_out)

    def enough() -> bool:
        if accurate is None:
            return False
        loop.values["steps"] = loop.values.get("steps", 0) + 1
        if loop.values["steps"] % LOOK_EVERY == 0 and accurate():
            loop.end()
        return loop.ended

    for epoch in loop.epochs(settings.epochs):
        order = shuffled(len(images), settings.batch_size, generator)
        batches = [partial(_batch, images, labels, positions) for positions in order]
        loss = run_steps(network, optimiser, loop, batches, enough)
        if accurate is not None and not loop.ended and accurate():
            loop.end()
        history.append(after_epoch(epoch, loss))
    network.eval()
    return history


def _accurate(
    network: nn.Module, settings: TrainingSettings, held_out: tuple[Tensor, Tensor] | None
) -> Callable[[], bool] | None:
    """Whether the network is as accurate as it is to become; None where training goes on anyway."""
    goal = settings.stop_at
    if goal is None:
        return None
    if held_out is None or not len(held_out[0]):
        raise UserError(
            "training is to stop at an accuracy on validation images, and there are none",
            where=f"key 'training.stop_at', value {goal:g}",
            remedy="set data.validation_images to some hundred, or leave stop_at at null",
        )
    images, labels = held_out

    def accurate() -> bool:
        network.eval()
        right = forward(network, images, partial(correct, network, images, labels))
        return float(right.mean()) >= goal

    return accurate


def _batch(images: Tensor, labels: Tensor, positions: Tensor) -> Batch:
    return images[positions], labels[positions]
