"""Training of many networks side by side, each on batches of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from advlearn.attacks.ascent import ProjectedAscent
from advlearn.attacks.stacked import StackedAscent, columns
from advlearn.learners.batches import in_batches
from advlearn.learners.networks.stack import Stack, stackable
from advlearn.learners.recording import RepeatedStep
from advlearn.problem.evasion import frozen
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.errors import UserError
from advlearn.support.finite import deferred
from advlearn.support.seeds import derive_seed
from advlearn.training.fit import MOMENTUM, diverged, normalisations
from advlearn.training.loop import Loop
from advlearn.training.stack_batches import Member, StackBatches, StepInputs

_MEMBERS, _NUMBERS = 64, 1 << 29
"""Networks side by side, and float32 in the images of all of them (2 GiB), at most."""


class Trained(NamedTuple):
    """What became of a member: its state, and the mean loss over the images of its last epoch."""

    state: dict[str, Tensor]
    loss: float


class UnsoundCraftingError(UserError):
    """Crafting against a stack met numbers that are not finite."""


def pays(device: torch.device, network: nn.Module, images: Tensor) -> bool:
    """Whether networks like this one are trained and judged side by side on this device.

    On a CPU one after the other is as fast. Batch normalisation would see the images that fill the
    batch of a member with fewer images than the others. On a GPU one after the other is tens of
    times slower: a note says where it comes to that.

    Args:
        device: where.
        network: on that device.
        images: (n, c, h, w), a few like those to come.
    """
    if device.type != "cuda":
        return False
    why = "batch normalisation"
    if not normalisations(network):
        if stackable(network, images.to(device)):
            return True
        why = "the network does not do the same in a stack as alone"
    print(f"note: one network after the other, which is slow on a GPU: {why}", file=sys.stderr)
    return False


def at_once(numbers: int) -> int:
    """Networks side by side, at least 1: 64, or fewer where the images of each need more memory.

    Args:
        numbers: in the images that are kept of each network, at most.
    """
    return max(1, min(_MEMBERS, _NUMBERS // max(1, numbers)))


def stacked_parts(
    what: str,
    names: Sequence[str],
    size: int,
    make: Callable[[slice], Sequence[SavedState]],
    checkpoint: Checkpoint,
) -> dict[str, SavedState]:
    """What becomes of many networks, by name, some of them at a time side by side.

    Those of one stack are one part of the progress: resumed in another stack their numbers would be
    rounded otherwise, and dropout would draw other masks.

    Where crafting meets what is not finite the networks from there on are left out: the caller
    takes them one after the other, where the error names the images, if it is one.

    Args:
        what: names the parts of the progress.
        names: one a network.
        size: networks in one stack, at least 1; halved where the device's memory does not suffice.
        make: what becomes of the networks of one stack, given their places in ``names``.
        checkpoint: progress of the job.
    """
    parts: dict[str, SavedState] = {}

    def work(some: slice) -> None:
        def made() -> SavedState:
            return {
                f"{place}/{key}": value
                for place, part in enumerate(make(some))
                for key, value in part.items()
            }

        own = names[some]
        for key, value in checkpoint.once(f"{what} {some.start} to {some.stop}", made).items():
            place, _, own_key = key.partition("/")
            parts.setdefault(own[int(place)], {})[own_key] = value

    try:
        in_batches(len(names), size, work)
    except UnsoundCraftingError as error:
        print(f"note: {error.what}: on with one network after the other", file=sys.stderr)
    return parts


class StackedOptimiser(torch.optim.Optimizer):
    """Adam, or SGD with momentum 0.9, on the parameters of a stack: a kind and rate a member.

    All it keeps is in tensors on the device, which are changed in place.

    Args:
        stack: the networks, on their device; the first axis of a parameter is the member.
        names: ``adam`` or ``sgd``, of each member.
        rates: learning rate of each member.
    """

    def __init__(self, stack: Stack, names: Sequence[str], rates: Sequence[float]) -> None:
        super().__init__(stack.parameters(), {"lr": 1.0})
        device = next(stack.parameters()).device
        self._adam = torch.tensor([name == "adam" for name in names], device=device)
        self._any_adam = "adam" in names
        # The new gradient enters the mean of Adam by a tenth, and the sum of SGD whole.
        self._share = 1 - _BETAS[0] * self._adam.double()
        self._rates = torch.tensor(rates, dtype=torch.float64, device=device)
        for parameter in self.param_groups[0]["params"]:
            state = self.state[parameter]
            state["first"] = torch.zeros_like(parameter)
            if self._any_adam:
                state["second"] = torch.zeros_like(parameter)
                state["count"] = torch.zeros((), dtype=parameter.dtype, device=device)

    @torch.no_grad()
    def step(self, active: Tensor) -> None:  # type: ignore[override]
        """One step of the first members from the gradients of their parameters.

        Args:
            active: bool (m,), which of the first m make a step; the others stay as they are. A
                member makes its steps without a break from the first on.
        """
        m = len(active)
        rates, adam = self._rates[:m] * active, self._adam[:m]
        corrected = None
        for parameter in self.param_groups[0]["params"]:
            if parameter.grad is None:
                # The network does not use it, or it is not to be trained.
                continue
            state = self.state[parameter]
            values, gradient, first = (
                each[:m] for each in (parameter, parameter.grad, state["first"])
            )
            first.mul_(MOMENTUM).add_(gradient * _like(self._share[:m], values))
            if not self._any_adam:
                values.sub_(_like(rates, values) * first)
                continue
            # As in Kingma and Ba (2015), with PyTorch's defaults.
            count = state["count"].add_(1)
            if corrected is None:
                # In float64: 1 - 0.999 has four digits fewer than the numbers it is made of.
                mean, square = (1 - beta ** count.double() for beta in _BETAS)
                corrected = torch.where(adam, rates / mean, rates), square.sqrt()
            rate, root = corrected
            second = state["second"][:m]
            second.mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1 - _BETAS[1])
            scale = second.sqrt().div_(root.to(values.dtype)).add_(1e-8)
            scale = torch.where(_like(adam, values, torch.bool), scale, 1)
            values.sub_(_like(rate, values) * first / scale)


_BETAS = (MOMENTUM, 0.999)
"""Of Adam; the first is the momentum of SGD as well."""


def _like(numbers: Tensor, values: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """One number a member, (m,), to broadcast against ``values`` (m, ...) in their dtype."""
    return numbers.to(dtype or values.dtype).reshape(-1, *([1] * (values.ndim - 1)))


class StackedStep:
    """One step of all members: everything it reads and writes stays in the same tensors.

    Nothing of it waits for the device, and nothing depends on numbers that are there, so that steps
    of one shape can be recorded once and replayed. It changes the parameters of the stack, what the
    optimiser keeps, and ``sums``.

    Args:
        stack: the networks.
        solver: optimiser of their parameters.
        images: (n, c, h, w), the pool of all members.
        labels: (n,) class numbers.
        attacks: the attack of each member that crafts.
        sums: ``loss`` and ``count`` (members,), sums over images of the last epoch, and
            ``unsound`` (), the number of steps whose crafting met what is not finite.
    """

    def __init__(
        self,
        stack: Stack,
        solver: StackedOptimiser,
        images: Tensor,
        labels: Tensor,
        attacks: Sequence[ProjectedAscent | None],
        sums: dict[str, Tensor],
    ) -> None:
        self._stack, self._solver = stack, solver
        self._images, self._labels, self._sums = images, labels, sums
        known = [attack for attack in attacks if attack is not None]
        # What is crafted for a member that needs nothing is not used.
        self._attacks = [attack or known[0] for attack in attacks] if known else []
        self._ascents: dict[int, StackedAscent] = {}

    def __call__(
        self, positions: Tensor, in_last: Tensor, shifts: Tensor | None = None, *, crafts: bool
    ) -> None:
        """Make the step.

        Args:
            positions: int64 (m, images) as in :class:`Member`; below 0: no image.
            in_last: (m,), 1 where the step is of the last epoch of a member, else 0.
            shifts: (m, images, c, h, w), what the random starts add to the images.
            crafts: whether any position is from n on.
        """
        there, n = positions >= 0, len(self._images)
        # An image too many costs no time and counts nothing.
        places = positions.clamp(min=0) % n
        batch, labels = self._images[places], self._labels[places]
        if crafts:
            crafted = self._craft(batch, labels, shifts)
            batch = torch.where(columns(positions >= n, batch), crafted, batch)
        self._solver.zero_grad(set_to_none=True)
        logits = self._stack(batch)
        each = cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
        total, count = (each.view(there.shape) * there).sum(1), there.sum(1)
        (total / count.clamp(min=1)).sum().backward()
        self._solver.step(there.any(1))
        m = len(positions)
        self._sums["loss"][:m].add_(total.detach() * in_last)
        self._sums["count"][:m].add_(count * in_last)

    def _craft(self, clean: Tensor, labels: Tensor, shifts: Tensor | None) -> Tensor:
        m = len(clean)
        if m not in self._ascents:
            self._ascents[m] = StackedAscent(self._stack, self._attacks[:m])
        ascent = self._ascents[m]
        with frozen(ascent.network), deferred() as checks:
            starts = clean if shifts is None else ascent.project(clean, clean + shifts)
            crafted = ascent.climb(clean, labels, starts)
        condition = checks.condition()
        if condition is not None:
            self._sums["unsound"].add_(~condition)
        return crafted


class _Repeated:
    """Steps from tensors of their own, one set a shape, so that a GPU can record them.

    Args:
        make: makes a step.
        device: on which.
        network: the architecture.
    """

    def __init__(self, make: StackedStep, device: torch.device, network: nn.Module) -> None:
        self._make, self._device, self._network = make, device, network
        self._members = 0
        self._known: dict[tuple[bool, bool], tuple[StepInputs, RepeatedStep]] = {}

    def __call__(self, step: StepInputs) -> None:
        if len(step.positions) != self._members:
            # Members leave and none comes back: what was recorded is not needed again.
            self._members = len(step.positions)
            self._known.clear()
        key = step.crafts, step.shifts is None
        if key not in self._known:
            shifts = None if step.shifts is None else step.shifts.clone()
            own = StepInputs(step.positions.clone(), step.in_last.clone(), step.crafts, shifts)

            def make() -> None:
                self._make(own.positions, own.in_last, own.shifts, crafts=own.crafts)

            self._known[key] = own, RepeatedStep(make, self._device, self._network)
        own, repeated = self._known[key]
        own.positions.copy_(step.positions)
        own.in_last.copy_(step.in_last)
        if own.shifts is not None and step.shifts is not None:
            own.shifts.copy_(step.shifts)
        repeated()


def train_stack(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    members: Sequence[Member],
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
        seed: decides dropout.
        checkpoint: progress of the job, from which the training resumes.

    Returns:
        What became of each member, in the order of ``members``.

    Raises:
        UserError: the loss or the weights of a member are not finite.
        UnsoundCraftingError: crafting met logits or gradients that are not, perhaps of an image
            that is not trained on in that step.
    """
    # The longest first: those that still train are always the first of the stack.
    ranked = sorted(members, key=lambda member: -len(member.batches))
    stack = Stack(
        network, [member.start for member in ranked], [member.dropout for member in ranked]
    )
    stack.to(images.device).train()
    solver = StackedOptimiser(
        stack, [one.optimiser for one in ranked], [one.learning_rate for one in ranked]
    )
    torch.manual_seed(derive_seed(seed, "dropout"))
    # A resumed job tries a stack again that did not fit: it must not meet the state of its half.
    loop = Loop(stack, solver, (), checkpoint=checkpoint, name=f"stack of {len(ranked)}")
    sums = loop.tensors
    for name, shape in {"loss": (len(ranked),), "count": (len(ranked),), "unsound": ()}.items():
        sums.setdefault(name, torch.zeros(shape, device=images.device, dtype=torch.float64))
    make = StackedStep(stack, solver, images, labels, [one.attack for one in ranked], sums)
    repeated = _Repeated(make, images.device, network)
    steps = StackBatches(ranked, images)
    for _ in loop.epochs(1):
        for number in loop.batches(range(len(steps))):
            repeated(steps[number])
    means = (sums["loss"] / sums["count"].clamp(min=1)).tolist()
    found = {}
    for member, state, loss in zip(ranked, stack.states(), means, strict=True):
        if not (isfinite(loss) and all(bool(value.isfinite().all()) for value in state.values())):
            raise diverged(f"the mean loss is {loss}, or weights are not finite")
        found[id(member)] = Trained(state, loss)
    if float(sums["unsound"]):
        raise UnsoundCraftingError(
            f"logits or input gradients are not finite in {float(sums['unsound']):.0f} of"
            f" {len(steps)} steps of adversarial training",
            where="configuration key 'selective.universes.UNIVERSE.retrain.crafting', value online",
            remedy="look for a root or a division at 0 in a network of your own, and use a smaller"
            " learning rate",
        )
    return [found[id(member)] for member in members]
