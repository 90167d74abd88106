"""Methods of the user's own that make steps of their own instead of descending a loss.

What the ``function`` of a method returns is one where it has ``begin`` and ``step``. The loop owns
the iterations, the box, the test of success and which image is kept, and it carries the memory. A
step looks at the network once, like those of the other methods: it is given the logits at the
iterate, and gradients of whatever is made of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from advlearn.attacks.jacobian import logits_with_pullback
from advlearn.attacks.memory import (
    Memory,
    Remembers,
    begun,
    begun_twice,
    check_like,
    check_memory,
    into_slots,
    kept,
    layout,
    out_of_slots,
    tried,
    wrong,
)
from advlearn.attacks.topk.slots import State
from advlearn.attacks.topk.targets import Goal, TopkTargets, reached
from advlearn.support.finite import check_finite

_ALIKE = 1e-3
"""Rounding of an image alone and in a batch, as a share of the largest pixel moved to."""


@dataclass(frozen=True)
class Iterate:
    """Where m images are, one row each; they do not know of each other.

    Attributes:
        images: (m, ...) in [0, 1].
        logits: (m, c) of ``images``.
        gradient: gives, for a function from logits (m, c) to a number an image (m,), each image's
            gradient by its pixels, like ``images``; a backward pass a call. The function gets a
            copy of the logits.
        clean: (m, ...), where the attack began and what the perturbation is measured against.
        relevant: Y as the attacker sees it, bool (m, c).
        specified: S, bool (m, c); the labels in both are to leave the top k.
        k: cut-off.
        reached: whether the attacker sees success at ``images``, bool (m,).
        learning_rate: the key of that name, which the study searches for.
        memory: what ``begin`` returned, or an earlier step in its place, by name (m, ...).
    """

    images: Tensor
    logits: Tensor
    gradient: Callable[[Callable[[Tensor], Tensor]], Tensor]
    clean: Tensor
    relevant: Tensor
    specified: Tensor
    k: int
    reached: Tensor
    learning_rate: float
    memory: Memory


@runtime_checkable
class Steps(Remembers, Protocol):
    """A method that makes steps of its own."""

    def step(self, now: Iterate) -> Tensor:
        """The next images, like ``now.images``; pixels beyond [0, 1] are cut off.

        It may replace tensors of ``now.memory`` by others of the same name, shape and type.
        """
        ...


@dataclass(frozen=True)
class OwnSteps:
    """The solver that asks ``steps`` where to go.

    Args:
        steps: of the user's own.
        learner: frozen network.
        learning_rate: handed on to the steps.
    """

    steps: Steps
    learner: nn.Module
    learning_rate: float

    def start(self, variable: Tensor, clean: Tensor) -> State:
        """The clean image itself, and what is remembered of it."""
        return {"iterate": clean.clone(), **into_slots(begun(self.steps, clean))}

    def image(self, state: State) -> Tensor:
        """The iterate, in a tensor of its own: :meth:`advance` writes into that of the state."""
        return state["iterate"].clone()

    def advance(self, state: State, image: Tensor, goal: Goal) -> Tensor:
        """One step of the user's own, one pass through the network and its backward passes."""
        memory = out_of_slots(state)
        logits, ahead = one_step(
            self.steps, self.learner, image, state["clean"], goal, self.learning_rate, memory
        )
        state["iterate"].copy_(ahead)
        state.update(into_slots(memory))
        return logits

    def exhausted(self, state: State, logits: Tensor, goal: Goal) -> Tensor:
        """Never: only the number of iterations ends the attack."""
        return torch.zeros_like(state["found"])


def one_step(
    steps: Steps,
    learner: nn.Module,
    image: Tensor,
    clean: Tensor,
    goal: Goal,
    learning_rate: float,
    memory: Memory,
) -> tuple[Tensor, Tensor]:
    """Logits (m, c) at ``image`` and the next images in [0, 1]; ``memory`` is written into.

    Raises:
        UserError: next images of another shape, type or device or that are not finite, a memory of
            other names, shapes or types than it began with, or a gradient of what is not a number
            an image.
    """
    logits, pull = logits_with_pullback(learner, image)
    targets = goal.targets

    def gradient(function: Callable[[Tensor], Tensor]) -> Tensor:
        def numbers(logits: Tensor) -> Tensor:
            # A copy: the loop judges success by the logits, whatever the function writes into.
            found = function(logits.clone())
            check_like(steps, found, "numbers to take the gradient of,", logits[:, 0])
            if not found.requires_grad:
                raise wrong(steps, "numbers without a gradient by the logits they are made of")
            return found

        return pull(numbers).view_as(image)

    # Copies: what the step does in place changes nothing of the loop's.
    now = Iterate(
        image.clone(),
        logits.clone(),
        gradient,
        clean.clone(),
        targets.relevant.clone(),
        targets.specified.clone(),
        targets.k,
        reached(logits, goal),
        learning_rate,
        memory,
    )
    before = layout(memory)
    ahead = steps.step(now)
    check_like(steps, ahead, "images", image)
    ahead = ahead.detach()
    check_memory(steps, memory, image, before)
    memory.update(kept(memory))
    check_finite(
        ahead,
        f"the images of the step of {type(steps).__qualname__}",
        remedy="look for a division by 0 in it",
    )
    return logits, ahead.clamp(0, 1)


def try_out(steps: Steps, images: Tensor, targets: TopkTargets, learning_rate: float) -> None:
    """Refuse steps that mix images, or remember elsewhere than in their memory.

    Args:
        steps: tried on a made-up network.
        images: (n, ...) in [0, 1], the first three are used.
        targets: labels of at least as many images.
        learning_rate: as in the attack.

    Raises:
        UserError: what a step does depends on the other images of a batch or on other batches
            before, or the step cannot be made.
    """
    few = images[: min(3, len(targets))]
    if not len(few):
        return
    network = _MadeUp(targets.relevant.shape[1])
    rows = [slice(row, row + 1) for row in range(len(few))]

    def step(part: slice, image: Tensor, memory: Memory) -> Tensor:
        goal = Goal(targets[part])
        return one_step(steps, network, image, few[part], goal, learning_rate, memory)[1]

    with tried(steps):
        at_once, alone = begun_twice(steps, few)
        together, apart = few, [few[part] for part in rows]
        for _ in range(2):
            together = step(slice(0, len(few)), together, at_once)
            # Each image by itself, in between those of the others.
            apart = [step(*each) for each in zip(rows, apart, alone, strict=True)]
            moved = float((together - few).abs().max())
            if not torch.allclose(together, torch.cat(apart), rtol=0, atol=_ALIKE * moved):
                raise wrong(steps, "other images for an image alone than in a batch")


class _MadeUp(nn.Module):
    """Logits that every pixel has a share in, the same in each process."""

    def __init__(self, n_labels: int) -> None:
        super().__init__()
        self.n_labels = n_labels

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.flatten(1)
        weights = torch.arange(pixels.shape[1], dtype=images.dtype, device=images.device)
        weighted = pixels * weights.mul_(0.7).sin_()
        padded = nn.functional.pad(weighted, (0, -pixels.shape[1] % self.n_labels))
        return padded.reshape(len(images), -1, self.n_labels).sum(1)
