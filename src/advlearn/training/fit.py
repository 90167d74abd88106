"""Gradient steps on batches: the loop that pretraining and retraining share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from advlearn.support.errors import UserError
from advlearn.training.loop import Loop

Batch = tuple[Tensor, Tensor]


def make_optimiser(network: nn.Module, name: str, learning_rate: float) -> torch.optim.Optimizer:
    """Adam, or stochastic gradient descent with momentum 0.9."""
    if name == "adam":
        return torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
    return torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9)


def shuffled(n: int, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """Positions 0..n-1 in random order, cut into batches; no batches for n = 0."""
    return list(torch.randperm(n, generator=generator).split(batch_size)) if n else []


def run_steps(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    loop: Loop,
    batches: Sequence[Callable[[], Batch]],
) -> float:
    """One gradient step on the mean cross-entropy of each batch; returns the epoch's mean loss.

    Batches are made when they are due, so that online crafting sees the network as it is then.

    Raises:
        UserError: the loss is no longer finite.
    """
    sums = loop.values.setdefault("sums", {"total": 0.0, "count": 0})
    for make in loop.batches(batches):
        images, labels = make()
        network.train()
        optimiser.zero_grad(set_to_none=True)
        loss = cross_entropy(network(images), labels)
        loss.backward()
        optimiser.step()
        sums["total"] += float(loss.detach()) * len(labels)
        sums["count"] += len(labels)
    del loop.values["sums"]
    mean = sums["total"] / sums["count"] if sums["count"] else 0.0
    if mean != mean or mean == float("inf"):
        raise UserError(
            f"training diverged: the mean loss is {mean}",
            where="configuration keys 'selective.universes.UNIVERSE.training.learning_rate' and"
            " 'selective.universes.UNIVERSE.retrain.learning_rate'",
            remedy="use a smaller learning rate",
        )
    return mean
