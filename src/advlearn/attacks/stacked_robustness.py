"""Which images many networks side by side still classify correctly under attack.

The count is that of :mod:`advlearn.attacks.robustness`: each member has a queue of the images that
are not decided and as many slots as all others; a decided image stands still until the next look,
at which the next image of the queue moves into its slot. Queues and slots are tensors that are
changed without knowing what is in them, so that the device is waited for at a look alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from advlearn.attacks.ascent import Step
from advlearn.attacks.robustness import RobustVerdicts, Settings, Slots, robust_verdicts
from advlearn.attacks.stacked import (
    StackedAscent,
    check_stack,
    columns,
    solver_of,
    stacked_correct,
    width,
)
from advlearn.learners.batches import halving
from advlearn.learners.networks.stack import Stack
from advlearn.problem.evasion import frozen
from advlearn.support.finite import deferred, look_every


def stacked_verdicts(
    stack: Stack,
    images: Tensor,
    labels: Tensor,
    settings: Sequence[Settings],
    seed: int,
    batch_size: int | None = None,
    clean: Tensor | None = None,
) -> list[RobustVerdicts]:
    """Attack every image that a member does not yet misclassify, with the member's own attack.

    Args:
        stack: the networks, on the device of the images.
        images: clean images (n, ...) in the box, the same for all members.
        labels: int64 (n,).
        settings: the attack of each member.
        seed: decides the random starts, the same as those of ``attack.run``.
        batch_size: images of each member in one pass; by default by the device.
        clean: bool (m, n), which images each member classifies correctly, where that is known.

    Returns:
        The verdicts of each member; images of one member are decided in other batches than alone,
        which changes no verdict but by rounding.

    Raises:
        UserError: as :func:`advlearn.attacks.robustness.robust_verdicts`.
        BudgetViolation: an adversarial image is outside ball or box (a defect).
    """
    solvers = [solver_of(each) for each in settings]
    check_stack(stack, images, labels, solvers)
    ascent, n = StackedAscent(stack, solvers), len(images)
    if clean is None:
        clean = torch.from_numpy(stacked_correct(stack, images[None], labels)).to(images.device)
    run = _Run(ascent, images, labels, clean)
    restarts = torch.tensor([solver.restarts for solver in solvers], device=images.device)
    size = width(stack, images, gradient=True, asked=batch_size)
    sound = True
    with frozen(ascent.network):
        for restart in range(max(solver.restarts for solver in solvers) if n else 0):
            starts, which = ascent.starts(images, seed, restart)
            sound = sound and run.attack(starts, which, restarts > restart, size)
    if not sound:
        judged = zip(settings, clean, strict=True)
        return [
            robust_verdicts(stack.network(i), images, labels, own, seed, clean=right)
            for i, (own, right) in enumerate(judged)
        ]
    found = []
    for i, solver in enumerate(solvers):
        adversarial = run.adversarial[i, :n]
        solver.check(images, adversarial)
        found.append(RobustVerdicts(clean[i], run.robust[i, :n], adversarial, run.gradients))
    return found


class _Run:
    """The attacks of all members.

    Attributes:
        robust: bool (m, n + 1), not yet fooled; the last column is that of no image.
        adversarial: (m, n + 1, ...), the image that decided.
        gradients: (image, step) pairs of each member whose gradient was computed.
    """

    def __init__(
        self, ascent: StackedAscent, images: Tensor, labels: Tensor, clean: Tensor
    ) -> None:
        self._ascent, self._images, self._labels = ascent, images, labels
        self._rows = torch.arange(len(clean), device=images.device)[:, None]
        self.robust = torch.cat([clean, torch.zeros_like(clean[:, :1])], 1)
        padded = torch.cat([images, images[:1]])
        self.adversarial = padded.expand(len(clean), *padded.shape).clone()
        self.gradients = 0

    def attack(self, starts: Tensor, which: Tensor, members: Tensor, size: int) -> bool:
        """One run against the images of ``members`` (m,) that are still robust.

        Args:
            starts: (u, n, ...).
            which: of the starts each member has (m,).
            members: bool (m,), those whose attack makes this run.
            size: images of each member in one pass.

        Returns:
            Whether all checks hold; else the verdicts mean nothing.
        """
        self._starts, self._which = starts, which[:, None]
        self._waiting = self.robust & members[:, None]
        return halving(size, self._begin)

    def _begin(self, size: int) -> bool:
        """Attack the images that wait, in ``size`` slots of each member."""
        n, device = len(self._images), self._images.device
        waiting = self._waiting[:, :n]
        self._queue = _false_first(~waiting)
        self._queued = waiting.sum(1, keepdim=True)
        self._taken = torch.zeros_like(self._queued)
        size = min(size, int(self._queued.max()))
        shape = (len(self._waiting), size)
        empty = torch.full(shape, n, device=device)
        no = torch.zeros(shape, dtype=torch.bool, device=device)
        iterate = self._images[:1].expand(*shape, *self._images.shape[1:])
        slots = {"index": empty, "done": 0 * empty, "fooled": no, "over": ~no, "iterate": iterate}
        self._refill(slots)
        every = look_every(device)
        while size:
            clean, labels = self._images[_any(slots, n)], self._labels[_any(slots, n)]
            step = self._ascent.stepper(clean)
            with deferred() as checks:
                for _ in range(every):
                    self._step(slots, labels, step)
            if not checks.hold():
                return False
            self._settle(slots)
            self._refill(slots)
            used = int((slots["index"] < n).sum(1).max())
            if used <= size // 2:
                size = used
                kept = _false_first(slots["index"] == n)[:, :size]
                slots = {name: values[self._rows, kept] for name, values in slots.items()}
        return True

    def _step(self, slots: Slots, labels: Tensor, step: Step) -> None:
        """One step of the images that are not decided, which are marked as soon as they are."""
        iterate, over = slots["iterate"], slots["over"]
        logits, gradient = self._ascent.linearise(iterate, labels)
        self.gradients += labels.shape[1]
        fooled = logits.argmax(2) != labels
        slots["fooled"] |= fooled & ~over
        over |= fooled | (slots["done"] >= self._ascent.steps[:, None])
        moved = step(iterate.clone(), gradient)
        slots["iterate"] = torch.where(columns(over, moved), iterate, moved)
        slots["done"] += ~over

    def _settle(self, slots: Slots) -> None:
        """Write down what the slots hold; what is not decided is written again later."""
        place = self._rows, slots["index"]
        self.robust[place] = ~slots["fooled"]
        self.adversarial[place] = slots["iterate"]
        self._waiting[place] = ~slots["over"]

    def _refill(self, slots: Slots) -> None:
        """Move images of the queues into the slots that are free; the others become empty."""
        n, free = len(self._images), slots["over"]
        place = self._taken + free.cumsum(1) - 1
        new = free & (place < self._queued)
        index = torch.where(free, n, slots["index"])
        slots["index"] = torch.where(new, self._queue.gather(1, place.clamp(0, n - 1)), index)
        self._taken += new.sum(1, keepdim=True)
        starts = self._starts[self._which, _any(slots, n)]
        slots["iterate"] = torch.where(columns(new, starts), starts, slots["iterate"])
        slots["done"] *= ~new
        slots["fooled"] &= ~new
        slots["over"] = free & ~new


def _any(slots: Slots, n: int) -> Tensor:
    """The image of each slot; that of an empty one is any of the ``n`` images."""
    return slots["index"].clamp(max=n - 1)


def _false_first(values: Tensor) -> Tensor:
    """Places of the columns of each row (m, n): those that are false first, in their order."""
    return values.to(torch.uint8).argsort(dim=1, stable=True)
