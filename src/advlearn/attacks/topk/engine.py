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
from typing import Any, Protocol

import torch
from torch import Tensor

from advlearn.attacks.topk.targets import Goal, TopkTargets, build_goal, reached
from advlearn.attacks.topk.variable import TanhVariable
from advlearn.budgets import L2Ball, LinfBall
from advlearn.learners.batches import halving
from advlearn.support.errors import BudgetViolation, UserError
from advlearn.support.finite import NotFiniteError

State = dict[str, Tensor]
"""One row an image: the loop's own tensors and the solver's, moved and compacted together."""

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
    """What differs between the attacks."""

    def start(self, images: Tensor) -> State:
        """The solver's own tensors for new images, given as the network sees them first."""
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
    variable: TanhVariable,
    success: str,
    keep: str,
    iterations: int,
    batch_size: int,
    device: torch.device,
    sink: Sink | None,
) -> TopkOutcome:
    """Attack ``images[positions]``; row i of ``targets`` belongs to ``positions[i]``.

    Raises:
        UserError: an image is not in [0, 1], the network's logits or gradients are not finite, or
            one image does not fit into the device's memory.
        BudgetViolation: a perturbed image is outside the box (a defect).
    """
    n, n_labels = targets.relevant.shape
    found = _empty(n, n_labels)
    truth = targets.with_true_relevant()
    targets = targets.to(device)
    left = torch.ones(n, dtype=torch.bool)

    def admit(rows: Tensor) -> State:
        names = [int(positions[row]) for row in rows.tolist()]
        loaded = torch.as_tensor(images[names]).to(device)
        check_pixels(loaded, names)
        # A copy: newcomers are written into its rows, and `loaded` may be the caller's memory.
        clean = variable.clean(loaded).clone()
        m = len(rows)
        return {
            **solver.start(variable.start(loaded)),
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

    def slots(size: int) -> None:
        queue = left.nonzero().squeeze(1)
        state, queue = admit(queue[:size]), queue[size:]
        while len(state["row"]):
            started = time.perf_counter()
            goal = Goal(
                TopkTargets(state["relevant"], state["specified"], targets.k),
                state["floor"] if success == "strict" else None,
            )
            image = solver.image(state)
            with named_by([int(positions[row]) for row in state["row"].tolist()]):
                logits = solver.advance(state, image, goal)
            fresh = state["step"] == 0
            if bool(fresh.any()):
                state["clean_logits"][fresh] = logits[fresh]
                if goal.floor is not None:
                    floor = build_goal(goal.targets[fresh], logits[fresh], success).floor
                    assert floor is not None
                    goal.floor[fresh] = floor
            hit = reached(logits, goal)
            _keep(state, image, logits, hit)
            over = (state["step"] + 1 >= iterations) | solver.exhausted(state, logits, goal)
            if keep == "first":
                over |= state["found"]
            state["step"] += 1
            state["seconds"] += (time.perf_counter() - started) / len(over)
            free = over.nonzero().squeeze(1)
            if len(free) == 0:
                continue
            done = {key: value[free] for key, value in state.items()}
            finish(done, image[free], logits[free])
            newcomers, queue = queue[: len(free)], queue[len(free) :]
            _refill(state, free, admit(newcomers) if len(newcomers) else {})

    def finish(done: State, last: Tensor, last_logits: Tensor) -> None:
        image = _finish(done, last, last_logits, variable, found, positions)
        rows = done["row"].cpu()
        left[rows] = False
        if sink is not None:
            sink([int(positions[row]) for row in rows.tolist()], image)

    if n:
        halving(min(batch_size, n), slots)
    final_goal = build_goal(truth, found.clean_logits, success)
    found.success[:] = reached(found.adversarial_logits, final_goal)
    return found


def _keep(state: State, image: Tensor, logits: Tensor, hit: Tensor) -> None:
    """Remember the success that is nearest to the clean image."""
    hits = hit.nonzero().squeeze(1)
    if len(hits) == 0:
        return
    distance = L2Ball(1.0).distance(state["clean"][hits], image[hits])
    nearer = distance < state["kept_l2"][hits]
    better = hits[nearer]
    state["found"][better] = True
    state["kept"][better] = image[better]
    state["kept_logits"][better] = logits[better]
    state["kept_l2"][better] = distance[nearer]
    state["kept_step"][better] = state["step"][better]


def _finish(
    done: State,
    last: Tensor,
    last_logits: Tensor,
    variable: TanhVariable,
    found: TopkOutcome,
    positions: Sequence[int],
) -> Tensor:
    """Write down attacks that are over; returns their images."""
    won = done["found"]
    shape = (-1, *([1] * (last.ndim - 1)))
    image = torch.where(won.reshape(shape), done["kept"], last)
    rows = done["row"].cpu()
    if not bool(((image >= 0) & (image <= 1)).all()):
        names = [int(positions[row]) for row in rows.tolist()]
        raise BudgetViolation(f"one of the perturbed images {names} has pixels outside [0, 1]")
    found.iterations[rows] = torch.where(won, done["kept_step"], done["step"]).cpu()
    found.l2[rows] = L2Ball(1.0).distance(done["clean"], image).cpu()
    found.linf[rows] = LinfBall(1.0).distance(done["clean"], image).cpu()
    found.l2_pretanh[rows] = variable.length(done["clean"], image).cpu()
    found.clean_logits[rows] = done["clean_logits"].cpu().to(found.clean_logits.dtype)
    kept_logits = torch.where(won[:, None], done["kept_logits"], last_logits)
    found.adversarial_logits[rows] = kept_logits.cpu().to(found.clean_logits.dtype)
    found.seconds[rows] = done["seconds"].cpu()
    return image


def _refill(state: State, free: Tensor, newcomers: State) -> None:
    """Put newcomers into the free slots, and close those that stay free."""
    count = len(newcomers["row"]) if newcomers else 0
    for key in newcomers:
        state[key][free[:count]] = newcomers[key]
    if count < len(free):
        keep = torch.ones(len(state["row"]), dtype=torch.bool, device=free.device)
        keep[free[count:]] = False
        for key in state:
            state[key] = state[key][keep]


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
