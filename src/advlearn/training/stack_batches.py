"""The batches of a stacked training as tensors of few shapes, put on the device ahead of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from advlearn.attacks.ascent import ProjectedAscent
from advlearn.attacks.stacked import start_shift
from advlearn.learners.networks.stack import State
from advlearn.support.seeds import derive_seed

_ABSENT = -1
"""Position of no image: fills the batch of a member that has fewer images than the longest."""
_STEPS_AT_ONCE = 256
_HEIGHTS = 8
"""Different numbers of members in a step, at most: steps of one shape are worth recording."""


class Member(NamedTuple):
    """One training of a stack.

    Attributes:
        start: weights and buffers to start from.
        batches: positions of the images of each step, over all epochs; none of them is empty. In a
            pool of n images position n + i is image i, crafted at that step against the member as
            it then is.
        learning_rate: of this member.
        last: steps of the last epoch, over which the loss is averaged.
        optimiser: ``adam``, or ``sgd`` with momentum 0.9.
        dropout: rate of all layers of dropout; None: that of the architecture.
        attack: crafts the images of positions from n on, in one run.
        seed: decides the random starts of the attack: those of
            :func:`advlearn.training.adversarial.retrain` with this seed.
    """

    start: State
    batches: Sequence[Tensor]
    learning_rate: float
    last: int
    optimiser: str = "adam"
    dropout: float | None = None
    attack: ProjectedAscent | None = None
    seed: int = 0


class StepInputs(NamedTuple):
    """What one step is made from, on the device.

    Attributes:
        positions: int64 (m, images) as in :class:`Member`, -1: no image. The number of images is
            the same for all steps.
        in_last: float32 (m,), 1 where the step is of the last epoch of the member.
        crafts: whether images are crafted.
        shifts: (m, images, c, h, w), what the random starts of these add; None: nothing.
    """

    positions: Tensor
    in_last: Tensor
    crafts: bool
    shifts: Tensor | None


class StackBatches:
    """The steps of all members.

    Args:
        ranked: members, the longest training first.
        images: (n, c, h, w), the pool that the positions refer to.
    """

    def __init__(self, ranked: Sequence[Member], images: Tensor) -> None:
        self._ranked, self._images = ranked, images
        self._lengths = np.array([len(member.batches) for member in ranked])
        self._width = max((len(b) for member in ranked for b in member.batches), default=0)
        self._unit = -(-len(ranked) // _HEIGHTS)
        self._crafted = [self._numbered(member) for member in ranked]
        self._start, self._made = 0, np.empty((0, 0, 0), dtype=np.int64)
        self._on_device = self._last = torch.empty(0)

    def __len__(self) -> int:
        return int(self._lengths.max(initial=0))

    def __getitem__(self, number: int) -> StepInputs:
        """Step ``number``; some members at its end may have no image."""
        if not self._start <= number < self._start + len(self._made):
            self._make(number - number % _STEPS_AT_ONCE)
        i, m = number - self._start, self._height(number)
        made = self._made[i, :m]
        crafts = bool((made >= len(self._images)).any())
        shifts = self._shifts(number, made) if crafts else None
        return StepInputs(self._on_device[i, :m], self._last[i, :m], crafts, shifts)

    def _height(self, number: int) -> int:
        active = int((self._lengths > number).sum())
        return min(len(self._ranked), -(-active // self._unit) * self._unit)

    def _make(self, start: int) -> None:
        numbers = range(start, min(start + _STEPS_AT_ONCE, len(self)))
        shape = (len(numbers), self._height(start), self._width)
        made, last = np.full(shape, _ABSENT), np.zeros(shape[:2], dtype=np.float32)
        for i, member in enumerate(self._ranked[: shape[1]]):
            for n, batch in enumerate(member.batches[start : numbers.stop]):
                made[n, i, : len(batch)] = batch.numpy()
                last[n, i] = start + n >= self._lengths[i] - member.last
        self._start, self._made = start, made
        self._on_device = self._put(torch.from_numpy(made))
        self._last = self._put(torch.from_numpy(last))

    def _numbered(self, member: Member) -> np.ndarray | None:
        """How many steps with crafted images there are up to each step, where starts are random."""
        if member.attack is None or not member.attack.random_start:
            return None
        n = len(self._images)
        counts: np.ndarray = np.cumsum([bool((batch >= n).any()) for batch in member.batches])
        return counts

    def _shifts(self, number: int, made: np.ndarray) -> Tensor | None:
        """What the random starts of step ``number`` add; members with the same draw share it."""
        drawn: dict[object, int] = {}
        table: list[Tensor] = []
        which = []
        for i, here in enumerate(made >= len(self._images)):
            member, counts = self._ranked[i], self._crafted[i]
            # As in `retrain`: the seed counts the steps that craft.
            seed = None
            if counts is not None and here.any():
                seed = derive_seed(member.seed, "craft", int(counts[number]))
            key = seed is not None and (member.attack, seed, here.tobytes())
            if key not in drawn:
                drawn[key] = len(table)
                table.append(self._shift(member.attack, seed, here))
            which.append(drawn[key])
        if drawn.keys() == {False}:
            return None
        return self._put(torch.stack(table))[self._put(torch.tensor(which))]

    def _shift(self, attack: ProjectedAscent | None, seed: int | None, here: np.ndarray) -> Tensor:
        """The draw of one member (images, c, h, w), 0 where its image is not crafted."""
        image = self._images[:1]
        shift = torch.zeros(self._width, *image.shape[1:], dtype=image.dtype)
        if attack is not None and seed is not None:
            shape = torch.Size([int(here.sum()), *image.shape[1:]])
            shift[torch.from_numpy(here)] = start_shift(attack, shape, image.dtype, seed)
        return shift

    def _put(self, made: Tensor) -> Tensor:
        """On the device of the images, without waiting for it."""
        device = self._images.device
        if device.type != "cuda":
            return made.to(device)
        return made.pin_memory().to(device, non_blocking=True)
