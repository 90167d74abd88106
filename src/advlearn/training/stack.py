"""Training of many networks side by side, each on batches of its own."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from advlearn.learners.networks.stack import Stack, State
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.seeds import derive_seed
from advlearn.training.fit import MOMENTUM, diverged, normalisations
from advlearn.training.loop import Loop

_ABSENT = -1
"""Position of no image: fills the batch of a member that has fewer images than the longest."""
_STEPS_AT_ONCE = 256


class Member(NamedTuple):
    """One training of a stack.

    Attributes:
        start: weights and buffers to start from.
        batches: positions of the images of each step, over all epochs; none of them is empty.
        learning_rate: of this member.
        last: steps of the last epoch, over which the loss is averaged.
    """

    start: State
    batches: Sequence[Tensor]
    learning_rate: float
    last: int


class Trained(NamedTuple):
    """What became of a member: its state, and the mean loss over the images of its last epoch."""

    state: dict[str, Tensor]
    loss: float


def pays(device: torch.device, network: nn.Module) -> bool:
    """Whether networks like this one are trained side by side on this device.

    On a CPU one after the other is as fast. Batch normalisation would see the images that fill the
    batch of a member with fewer images than the others.
    """
    return device.type == "cuda" and not normalisations(network)


class StackedOptimiser(torch.optim.Optimizer):
    """Adam or SGD with momentum 0.9 on the parameters of a stack, a rate for each member.

    Args:
        stack: the networks; the first axis of a parameter is the member.
        name: ``adam`` or ``sgd``.
        rates: learning rate of each member.
    """

    def __init__(self, stack: Stack, name: str, rates: Sequence[float]) -> None:
        super().__init__(stack.parameters(), {"lr": 1.0})
        self._adam = name == "adam"
        self._rates = torch.tensor(rates, dtype=torch.float64)

    @torch.no_grad()
    def step(self, members: int) -> None:  # type: ignore[override]
        """One step of the first ``members`` from the gradients of their parameters."""
        for parameter in self.param_groups[0]["params"]:
            state = self.state[parameter]
            if not state:
                state["first"] = torch.zeros_like(parameter)
                if self._adam:
                    state["second"] = torch.zeros_like(parameter)
                    state["step"] = torch.zeros(())
            values, gradient = parameter[:members], parameter.grad[:members]
            first = state["first"][:members]
            rates = self._rates[:members].to(values.device, values.dtype)
            rates = rates.reshape(-1, *([1] * (values.ndim - 1)))
            if not self._adam:
                first.mul_(MOMENTUM).add_(gradient)
                values.sub_(rates * first)
                continue
            # As in Kingma and Ba (2015), with PyTorch's defaults.
            state["step"] += 1
            steps = int(state["step"])
            second = state["second"][:members]
            first.lerp_(gradient, 1 - 0.9)
            second.mul_(0.999).addcmul_(gradient, gradient, value=1 - 0.999)
            scale = second.sqrt().div_((1 - 0.999**steps) ** 0.5).add_(1e-8)
            values.sub_(rates / (1 - 0.9**steps) * first / scale)


def train_stack(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    members: Sequence[Member],
    optimiser: str,
    seed: int,
    checkpoint: Checkpoint | None = None,
) -> list[Trained]:
    """Train networks side by side, each step of each on the mean cross-entropy of its batch.

    The same numbers as one after the other but for rounding, where there is no dropout; dropout
    draws other masks.

    Args:
        network: the architecture, without batch normalisation; it is not changed.
        images: (n, c, h, w) in [0, 1], whatever any member is trained on.
        labels: (n,) class numbers.
        members: the trainings, of one length or of several.
        optimiser: ``adam``, or ``sgd`` with momentum 0.9.
        seed: decides dropout.
        checkpoint: progress of the job, from which the training resumes.

    Returns:
        What became of each member, in the order of ``members``.

    Raises:
        UserError: the loss or the weights of a member are not finite.
    """
    # The longest first: those that still train are always the first of the stack.
    ranked = sorted(members, key=lambda member: -len(member.batches))
    stack = Stack(network, [member.start for member in ranked]).to(images.device).train()
    solver = StackedOptimiser(stack, optimiser, [member.learning_rate for member in ranked])
    torch.manual_seed(derive_seed(seed, "dropout"))
    loop = Loop(stack, solver, (), checkpoint=checkpoint, name="stack")
    sums = loop.tensors
    for name in ("loss", "count"):
        sums.setdefault(name, torch.zeros(len(ranked), device=images.device, dtype=torch.float64))
    steps = _Steps(ranked, images.device)
    for _ in loop.epochs(1):
        for number in loop.batches(range(len(steps))):
            chosen, in_last = steps[number]
            some, n = chosen >= 0, len(chosen)
            # An image too many costs no time and counts nothing.
            places = chosen.clamp(min=0)
            solver.zero_grad(set_to_none=True)
            logits = stack(images[places])
            each = cross_entropy(logits.flatten(0, 1), labels[places].flatten(), reduction="none")
            total = (each.view(some.shape) * some).sum(1)
            count = some.sum(1)
            (total / count).sum().backward()
            solver.step(n)
            # Summed on the device: reading a number would wait for it at every step.
            sums["loss"][:n] += total.detach() * in_last
            sums["count"][:n] += count * in_last
    means = (sums["loss"] / sums["count"].clamp(min=1)).tolist()
    found = {}
    for member, state, loss in zip(ranked, stack.states(), means, strict=True):
        if not (isfinite(loss) and all(bool(value.isfinite().all()) for value in state.values())):
            raise diverged(f"the mean loss is {loss}, or weights are not finite")
        found[id(member)] = Trained(state, loss)
    return [found[id(member)] for member in members]


class _Steps:
    """The batches of all members step by step, made for some steps at once.

    Args:
        ranked: members, the longest training first.
        device: where the positions are put.
    """

    def __init__(self, ranked: Sequence[Member], device: torch.device) -> None:
        self._ranked, self._device = ranked, device
        self._lengths = np.array([len(member.batches) for member in ranked])
        self._start, self._made = 0, torch.empty(0)
        self._last = torch.empty(0)

    def __len__(self) -> int:
        return int(self._lengths.max(initial=0))

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        """Positions (m, images) of step ``number``, and whether it is of the last epoch (m,)."""
        if not self._start <= number < self._start + len(self._made):
            # Always the same steps at once: dropout draws for the images that fill a batch too.
            self._make(number - number % _STEPS_AT_ONCE)
        m = int((self._lengths > number).sum())
        return self._made[number - self._start, :m], self._last[number - self._start, :m]

    def _make(self, start: int) -> None:
        numbers = range(start, min(start + _STEPS_AT_ONCE, len(self)))
        batches = [
            [member.batches[n] for member in self._ranked if n < len(member.batches)]
            for n in numbers
        ]
        width = max(len(batch) for step in batches for batch in step)
        shape = (len(numbers), len(batches[0]), width)
        made, last = np.full(shape, _ABSENT), np.zeros(shape[:2], dtype=np.float32)
        for n, step in enumerate(batches):
            for i, batch in enumerate(step):
                made[n, i, : len(batch)] = batch.numpy()
                last[n, i] = start + n >= self._lengths[i] - self._ranked[i].last
        self._start = start
        self._made = torch.from_numpy(made).to(self._device)
        self._last = torch.from_numpy(last).to(self._device)
