"""The loop that all attacks on the top k share: a full batch of images at different steps.

Each row of the batch is a slot. An image leaves as soon as its attack is over, and the next of the
queue moves into its slot. Nothing an image's attack does depends on the other rows, so results do
not depend on the batch size beyond the rounding of the network. Where the device's memory does not
suffice, the images of the batch begin again in smaller batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from advlearn.attacks.topk.slots import (
    State,
    compacted,
    keep_everywhere,
    keep_nearest,
    marked,
    refill,
    replace,
    write,
)
from advlearn.attacks.topk.targets import Goal, TopkTargets, build_goal, reached
from advlearn.attacks.topk.variable import TanhVariable
from advlearn.budgets import L2Ball, LinfBall
from advlearn.learners.batches import halving
from advlearn.learners.recording import RepeatedStep
from advlearn.support.errors import BudgetViolation, UserError
from advlearn.support.finite import NotFiniteError, deferred, look_every

Sink = Callable[[list[int], Tensor], None]
"""``(positions, images (m, ...))`` of attacks that are over, called with each image once."""


@dataclass(frozen=True)
class TopkOutcome:
    """The outcome for the n attacked images, on the CPU.

    Perturbations are measured in [0, 1] pixels against the image that the network saw at the
    start: the clean image, or, with ``tanh_raw``, its squashed form, as the authors measure.

    Attributes:
        success: bool (n,), judged by the true labels.
        iterations: int64 (n,), gradient steps up to the image that is kept if the attacker sees
            success there, else the iterates that were looked at.
        l2: float64 (n,).
        linf: float64 (n,).
        l2_pretanh: float64 (n,), Euclidean length of the change of the variable before the tanh.
        clean_logits: (n, c).
        adversarial_logits: (n, c), at the image that is kept: the success, else the last iterate.
        seconds: float64 (n,), each image's share of the time of the batches it was in.
    """

    success: Tensor
    iterations: Tensor
    l2: Tensor
    linf: Tensor
    l2_pretanh: Tensor
    clean_logits: Tensor
    adversarial_logits: Tensor
    seconds: Tensor


class Solver(Protocol):
    """What differs between the attacks.

    On a GPU a step is recorded (:mod:`advlearn.learners.recording`): ``advance`` leaves the next
    iterates in the tensors of the state.
    """

    def start(self, variable: Tensor, clean: Tensor) -> State:
        """The solver's own tensors for new images: their variable, and what is measured against."""
        ...

    def image(self, state: State) -> Tensor:
        """The iterates (m, ...), in [0, 1]."""
        ...

    def advance(self, state: State, image: Tensor, goal: Goal) -> Tensor:
        """Logits (m, c) at the iterates ``image``; moves ``state`` on to the next ones."""
        ...

    def exhausted(self, state: State, logits: Tensor, goal: Goal) -> Tensor:
        """Whether no step is left, bool (m,), for a reason of the solver's own.

        ``state["found"]`` tells whether there was a success, ``state["step"]`` the step, from 0.
        """
        ...


def attack(
    solver: Solver,
    images: Any,
    positions: Sequence[int],
    targets: TopkTargets,
    *,
    learner: nn.Module,
    variable: TanhVariable,
    success: str,
    keep: str,
    iterations: int,
    batch_size: int,
    device: torch.device,
    sink: Sink | None,
    own_code: bool = False,
) -> TopkOutcome:
    """Attack ``images[positions]``; row i of ``targets`` belongs to ``positions[i]``.

    ``learner`` is the network that ``solver`` attacks; ``own_code``: the solver has code of a
    user's own.

    Raises:
        UserError: an image is not in [0, 1], the network's logits or gradients are not finite, or
            one image does not fit into the device's memory.
        BudgetViolation: a perturbed image is outside the box (a defect).
    """
    n, n_labels = targets.relevant.shape
    found = _empty(n, n_labels)
    truth = targets.with_true_relevant()
    loop = _Loop(
        solver,
        images,
        positions,
        targets.to(device),
        learner,
        variable,
        success,
        keep,
        iterations,
        found,
        sink,
        own_code,
    )
    if n:
        halving(min(batch_size, n), loop.run)
    final_goal = build_goal(truth, found.clean_logits, success)
    found.success[:] = reached(found.adversarial_logits, final_goal)
    return found


class _Loop:
    """The slots of one attack; the arguments are those of :func:`attack`."""

    def __init__(
        self,
        solver: Solver,
        images: Any,
        positions: Sequence[int],
        targets: TopkTargets,
        learner: nn.Module,
        variable: TanhVariable,
        success: str,
        keep: str,
        iterations: int,
        found: TopkOutcome,
        sink: Sink | None,
        own_code: bool,
    ) -> None:
        self._solver, self._learner, self._variable = solver, learner, variable
        self._images, self._positions, self._targets = images, positions, targets
        self._success, self._keep, self._iterations = success, keep, iterations
        self._found, self._sink, self._own_code = found, sink, own_code
        # Rows of the targets that are not over.
        self._left = torch.ones(len(targets), dtype=torch.bool)
        self._queue = torch.empty(0, dtype=torch.int64)

    def run(self, size: int) -> None:
        """Attack all images that are left, ``size`` at once."""
        every = look_every(self._targets.relevant.device)
        if every == 1 or not self._every_few_steps(size, every):
            self._each_step(size)

    def _each_step(self, size: int) -> None:
        self._queue = self._left.nonzero().squeeze(1)
        state = self._admit(size)
        while len(state["row"]):
            started = time.perf_counter()
            goal, image = self._goal(state), self._solver.image(state)
            with named_by(self._names(state["row"])):
                logits = self._solver.advance(state, image, goal)
            fresh = state["step"] == 0
            if bool(fresh.any()):
                state["clean_logits"][fresh] = logits[fresh]
                if goal.floor is not None:
                    goal.floor[fresh] = self._floor(goal.targets[fresh], logits[fresh])
            hit = reached(logits, goal)
            keep_nearest(state, image, logits, hit)
            over = self._over(state, logits, goal)
            state["step"] += 1
            state["seconds"] += (time.perf_counter() - started) / len(over)
            free = over.nonzero().squeeze(1)
            if len(free):
                self._finish({key: value[free] for key, value in state.items()},
                             image[free], logits[free])  # fmt: skip
                refill(state, free, self._admit(len(free)))

    def _every_few_steps(self, size: int, every: int) -> bool:
        """The same for a GPU: nothing is read between two looks, and a step is recorded.

        An image whose attack is over goes on until its slot is filled or closed, and what it was
        is kept. Returns whether all checks hold; else the images in the slots are not over.
        """
        self._queue = self._left.nonzero().squeeze(1)
        state = marked(self._admit(size))
        while state:
            holds = torch.ones((), dtype=torch.bool, device=state["row"].device)
            made = partial(self._step, state, holds)
            step = RepeatedStep(made, holds.device, self._learner, own_code=self._own_code)
            fresh, slots = True, len(state["row"])
            live = slots
            # Slots are closed in their places: other shapes would have to be recorded anew.
            while live > slots // 2:
                started = time.perf_counter()
                for number in range(every):
                    # Newcomers come at looks alone.
                    self._step(state, holds, fresh=True) if fresh and not number else step()
                if not bool(holds):
                    return False
                state["seconds"] += (time.perf_counter() - started) / live
                free = (state["over"] & ~state["closed"]).nonzero().squeeze(1)
                if len(free):
                    done = {key: value[free] for key, value in state.items()}
                    self._finish(done, done["last"], done["last_logits"])
                newcomers = marked(self._admit(len(free)))
                fresh = bool(newcomers)
                live -= replace(state, free, newcomers)
            state = compacted(state, ~state["closed"]) if live else {}
        return True

    def _step(self, state: State, holds: Tensor, fresh: bool = False) -> None:
        """One step, left in the tensors of ``state``; ``fresh``: some images are at their first.

        ``holds`` is cleared if a check of the step fails.
        """
        with deferred() as checks:
            goal, image = self._goal(state), self._solver.image(state)
            logits = self._solver.advance(state, image, goal)
            if fresh:
                first = state["step"] == 0
                write(state, "clean_logits", first, logits)
                if goal.floor is not None:
                    write(state, "floor", first, self._floor(goal.targets, logits))
            keep_everywhere(state, image, logits, reached(logits, goal) & ~state["over"])
            over = self._over(state, logits, goal)
            state["step"] += ~state["over"]
            ends = over & ~state["over"]
            write(state, "last", ends, image)
            write(state, "last_logits", ends, logits)
            state["over"] |= over
        checks.into(holds)

    def _goal(self, state: State) -> Goal:
        return Goal(
            TopkTargets(state["relevant"], state["specified"], self._targets.k),
            state["floor"] if self._success == "strict" else None,
        )

    def _floor(self, targets: TopkTargets, logits: Tensor) -> Tensor:
        floor = build_goal(targets, logits, self._success).floor
        assert floor is not None
        return floor

    def _over(self, state: State, logits: Tensor, goal: Goal) -> Tensor:
        over = (state["step"] + 1 >= self._iterations) | self._solver.exhausted(state, logits, goal)
        return over | state["found"] if self._keep == "first" else over

    def _names(self, rows: Tensor) -> list[int]:
        return [int(self._positions[row]) for row in rows.tolist()]

    def _admit(self, count: int) -> State:
        """Rows for the first images of the queue; nothing where it is empty."""
        rows, self._queue = self._queue[:count], self._queue[count:]
        if not len(rows):
            return {}
        names, targets, n_labels = self._names(rows), self._targets, self._targets.relevant.shape[1]
        device = targets.relevant.device
        loaded = torch.as_tensor(self._images[names]).to(device)
        check_pixels(loaded, names)
        # A copy: newcomers are written into its rows, and `loaded` may be the caller's memory.
        clean = self._variable.clean(loaded).clone()
        m = len(rows)
        return {
            **self._solver.start(self._variable.start(loaded), clean),
            "row": rows.to(device),
            "clean": clean,
            "step": torch.zeros(m, dtype=torch.int64, device=device),
            "seconds": torch.zeros(m, dtype=torch.float64, device=device),
            "relevant": targets.relevant[rows.to(device)],
            "specified": targets.specified[rows.to(device)],
            "floor": torch.zeros((m, 4), dtype=torch.float64, device=device),
            "clean_logits": clean.new_zeros((m, n_labels)),
            "found": torch.zeros(m, dtype=torch.bool, device=device),
            "kept": torch.empty_like(clean),
            "kept_logits": clean.new_zeros((m, n_labels)),
            "kept_l2": torch.full((m,), torch.inf, dtype=torch.float64, device=device),
            "kept_step": torch.zeros(m, dtype=torch.int64, device=device),
        }

    def _finish(self, done: State, last: Tensor, last_logits: Tensor) -> None:
        """Write down attacks that are over, and hand their images on."""
        found, won = self._found, done["found"]
        shape = (-1, *([1] * (last.ndim - 1)))
        image = torch.where(won.reshape(shape), done["kept"], last)
        rows = done["row"].cpu()
        names = self._names(rows)
        if not bool(((image >= 0) & (image <= 1)).all()):
            raise BudgetViolation(f"one of the perturbed images {names} has pixels outside [0, 1]")
        found.iterations[rows] = torch.where(won, done["kept_step"], done["step"]).cpu()
        found.l2[rows] = L2Ball(1.0).distance(done["clean"], image).cpu()
        found.linf[rows] = LinfBall(1.0).distance(done["clean"], image).cpu()
        found.l2_pretanh[rows] = self._variable.length(done["clean"], image).cpu()
        found.clean_logits[rows] = done["clean_logits"].cpu().to(found.clean_logits.dtype)
        kept_logits = torch.where(won[:, None], done["kept_logits"], last_logits)
        found.adversarial_logits[rows] = kept_logits.cpu().to(found.clean_logits.dtype)
        found.seconds[rows] = done["seconds"].cpu()
        self._left[rows] = False
        if self._sink is not None:
            self._sink(names, image)


def _empty(n: int, n_labels: int) -> TopkOutcome:
    def numbers() -> Tensor:
        return torch.zeros(n, dtype=torch.float64)

    return TopkOutcome(
        success=torch.zeros(n, dtype=torch.bool),
        iterations=torch.zeros(n, dtype=torch.int64),
        l2=numbers(),
        linf=numbers(),
        l2_pretanh=numbers(),
        clean_logits=torch.zeros((n, n_labels)),
        adversarial_logits=torch.zeros((n, n_labels)),
        seconds=numbers(),
    )


def check_pixels(images: Tensor, names: list[int]) -> None:
    """Refuse images (m, ...) at positions ``names`` that are no floating numbers in [0, 1].

    Raises:
        UserError: names the positions.
    """
    inside = images.is_floating_point() and bool(((images >= 0) & (images <= 1)).all())
    if not inside:
        raise UserError(
            "images must be floating numbers in [0, 1]",
            where=f"one of the images at positions {names}, dtype {images.dtype}",
            remedy="divide integer pixels by 255 and remove NaN",
        )


@contextmanager
def named_by(names: Sequence[int]) -> Iterator[None]:
    """Errors about rows of the batch name the images as people know them: by position."""
    try:
        yield
    except NotFiniteError as error:
        raise error.named(names) from error
