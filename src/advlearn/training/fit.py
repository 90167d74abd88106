"""Gradient steps on batches: the loop that pretraining and retraining share."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _BatchNorm

from advlearn.support.errors import UserError
from advlearn.support.finite import look_every
from advlearn.training.loop import Loop

Batch = tuple[Tensor, Tensor]

MOMENTUM = 0.9
"""Of stochastic gradient descent."""


class _Adam(torch.optim.Adam):
    """PyTorch's Adam, whose steps do not import the compiler."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class _Sgd(torch.optim.SGD):
    """PyTorch's SGD, whose steps do not import the compiler."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.SGD.step))


# An optimiser imports PyTorch's compiler, a second of every job that trains, only to say that it
# must not be compiled. Nothing is compiled here; a method marked so is taken as it is.
for _name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
    _plain = inspect.unwrap(getattr(torch.optim.Optimizer, _name))
    setattr(_plain, "__dynamo_disable", _plain)


def make_optimiser(network: nn.Module, name: str, learning_rate: float) -> torch.optim.Optimizer:
    """Adam, or stochastic gradient descent with momentum 0.9."""
    if name == "adam":
        return _Adam(network.parameters(), lr=learning_rate, fused=True)
    return _Sgd(network.parameters(), lr=learning_rate, momentum=MOMENTUM)


def shuffled(
    n: int, batch_size: int, generator: torch.Generator, most: int | None = None
) -> list[Tensor]:
    """Positions 0..n-1 in random order, or the first ``most`` of them, cut into batches.

    There are no batches for n = 0.

    Where one image is left over it joins the batch before: a single image has no spread by which
    batch normalisation could divide, and its step would weigh as much as that of a whole batch. Of
    a single image in all there is one batch of one (:func:`training_mode`).
    """
    count = n if most is None else min(n, most)
    if not count:
        return []
    sizes = [batch_size] * (count // batch_size)
    left = count % batch_size
    if left == 1 and sizes:
        sizes[-1] += 1
    elif left:
        sizes.append(left)
    return list(torch.randperm(n, generator=generator)[:count].split(sizes))


def shuffled_steps(n: int, batch_size: int, generator: torch.Generator, steps: int) -> list[Tensor]:
    """``steps`` batches of :func:`shuffled`, one epoch after the other; none for n = 0."""
    batches: list[Tensor] = []
    while n and len(batches) < steps:
        batches += shuffled(n, batch_size, generator)
    return batches[:steps]


def shuffled_images(n: int, count: int, generator: torch.Generator) -> Tensor:
    """``count`` positions of 0..n-1 in random order, one epoch after the other; none for n = 0."""
    epochs = -(-count // n) if n else 0
    parts = [torch.randperm(n, generator=generator) for _ in range(epochs)]
    return torch.cat(parts)[:count] if parts else torch.empty(0, dtype=torch.int64)


def training_mode(network: nn.Module, n: int) -> None:
    """Put ``network`` into training mode for a batch of ``n`` images.

    For a single image batch normalisation uses its running statistics, as in evaluation, and
    leaves them as they are.
    """
    network.train()
    if n == 1:
        for layer in normalisations(network):
            layer.eval()


def check_batch_size(network: nn.Module, batch_size: int) -> None:
    """Refuse batches of one image for a network with batch normalisation.

    Raises:
        UserError: its running statistics would never be those of any image.
    """
    if batch_size == 1 and normalisations(network):
        raise UserError(
            "batch normalisation cannot be trained on batches of one image",
            where="keys 'training.batch_size' and 'retrain.batch_size', value 1",
            remedy="set batch_size to at least 2, or use a network without batch normalisation",
        )


def normalisations(network: nn.Module) -> list[nn.Module]:
    """The layers of batch normalisation."""
    return [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]


def run_steps(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    loop: Loop,
    batches: Sequence[Callable[[], Batch]],
    enough: Callable[[], bool] = lambda: False,
) -> float:
    """One gradient step on the mean cross-entropy of each batch; returns the epoch's mean loss.

    Batches are made when they are due, so that online crafting sees the network as it is then.
    Losses are looked at every few steps, on a CPU at every step
    (:func:`~advlearn.support.finite.look_every`), and before a state is kept.

    Args:
        network: module that is trained.
        optimiser: optimiser of its parameters.
        loop: counts the batches.
        batches: the epoch.
        enough: asked after each step; where it says yes, the other batches are left out.

    Raises:
        UserError: a loss or a weight is no longer finite; on a CPU no step is made with such a
            loss.
    """
    sums = loop.values.setdefault("sums", {"total": 0.0, "count": 0})
    made: list[tuple[Tensor, Tensor]] = []

    def look() -> None:
        values = torch.stack([loss for loss, _ in made]).tolist() if made else []
        for value, (_, logits) in zip(values, made, strict=True):
            if not math.isfinite(value):
                bad = int((~logits.isfinite().all(1)).sum())
                raise diverged(
                    f"the loss is {value}, logits of {bad} of {len(logits)} images are not finite"
                )
            sums["total"] += value * len(logits)
            sums["count"] += len(logits)
        made.clear()

    loop.settle = look
    for make in loop.batches(batches):
        try:
            images, labels = make()
        except UserError:
            # Crafting fails on a network that has diverged: that comes first.
            look()
            raise
        training_mode(network, len(labels))
        optimiser.zero_grad(set_to_none=True)
        logits = network(images)
        loss = cross_entropy(logits, labels)
        made.append((loss.detach(), logits.detach()))
        if len(made) >= look_every(loss.device):
            look()
        loss.backward()
        optimiser.step()
        if enough():
            break
    look()
    del loop.values["sums"]
    if not bool(torch.stack([weight.isfinite().all() for weight in network.parameters()]).all()):
        raise diverged("the weights are not finite")
    return float(sums["total"] / sums["count"]) if sums["count"] else 0.0


def diverged(what: str) -> UserError:
    """The error of a training whose numbers are no longer finite."""
    return UserError(
        f"training diverged: {what}",
        where="configuration keys 'selective.universes.UNIVERSE.training.learning_rate' and"
        " 'selective.universes.UNIVERSE.retrain.learning_rate'",
        remedy="use a smaller learning rate, and look for a root or a division at 0 in a network"
        " of your own",
    )
