"""Which images a model still classifies correctly under attack, with no work on decided images.

The rules of the count: an image is robust if no iterate of any run changes its prediction. An
image that is misclassified without attack is not robust and costs one forward pass; an image
leaves as soon as an iterate fools the model, and its place in the batch is taken by the next one.
Since the step is the same for all images, a batch may hold images at different steps, so that
batches stay full until the last images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks import rules
from advlearn.attacks.acceleration import accelerated
from advlearn.attacks.ascent import ProjectedAscent, check_inputs
from advlearn.attacks.best_point import BestPointAttack, Standing, still_correct
from advlearn.attacks.memory import into_slots
from advlearn.attacks.min_effort import broadcast_like
from advlearn.budgets import Budget, LinfBall
from advlearn.learners.batches import halving, images_at_once, in_batches
from advlearn.learners.recording import WORTH, RepeatedStep
from advlearn.metrics.logits import check_classes, logits_of
from advlearn.problem.evasion import MaxEffectProblem, frozen
from advlearn.settings.attack import EvaluationSettings, FgsmSettings, PgdSettings
from advlearn.support.errors import UserError
from advlearn.support.finite import deferred, look_every
from advlearn.support.seeds import derive_seed

Settings = FgsmSettings | PgdSettings

Slots = dict[str, Tensor]
"""One row an image of the batch."""

ON_CPU = 100
"""Images in one pass on a CPU, where MNIST-size images through a small CNN are then fastest."""


@dataclass(frozen=True)
class RobustVerdicts:
    """The outcome for n images.

    Attributes:
        clean: bool (n,), classified correctly without attack.
        robust: bool (n,), classified correctly without and at every iterate of the attack.
        adversarial: (n, ...), the image that decided: the clean one where it is already
            misclassified, the first iterate that fools the model, else the last iterate or, of
            APGD, FAB and Square Attack, the best point inside the ball.
        gradients: number of (image, step) pairs whose gradient was computed; on a GPU a decided
            image stays in the batch for some steps.
        queries: number of (image, query) pairs of attacks that use no gradient.
    """

    clean: Tensor
    robust: Tensor
    adversarial: Tensor
    gradients: int
    queries: int = 0


def robust_verdicts(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    settings: EvaluationSettings,
    seed: int,
    batch_size: int | None = None,
    clean: Tensor | None = None,
) -> RobustVerdicts:
    """Attack every image that is not yet misclassified.

    Restarts are run on the survivors of the runs before.

    Args:
        model: network (n, ...) -> logits (n, k), on the device of the images.
        images: clean images (n, ...) in the box.
        labels: int64 (n,).
        settings: the attack.
        seed: decides the random starts, the same as those of ``attack.run``.
        batch_size: images in one pass; by default :data:`ON_CPU` on a CPU, and what fits into
            the memory of a GPU.
        clean: bool (n,), which images the model classifies correctly, where that is known
            already; it saves a forward pass.

    Raises:
        UserError: images outside the box, labels that do not fit, an unknown attack, a network
            whose logits or gradients are not finite: its images are never counted as robust; or one
            image does not fit into the device's memory.
        BudgetViolation: an adversarial image is outside ball or box (a defect).
    """
    return worst_case_verdicts(model, images, labels, [settings], seed, batch_size, clean)


def worst_case_verdicts(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    settings: Sequence[EvaluationSettings],
    seed: int,
    batch_size: int | None = None,
    clean: Tensor | None = None,
) -> RobustVerdicts:
    """An image is robust if it withstands each of several attacks, each run on the survivors.

    The usual list is :func:`advlearn.settings.strong.strong_attacks`: one gradient may vanish or
    mislead where another does not, and Square Attack needs none (Croce and Hein 2020).

    Args:
        model: as for :func:`robust_verdicts`, like all others but
        settings: the attacks in turn, at least one. The cheapest first saves most. All must
            have the same norm and radius, else "robust" would mean nothing.
        images: clean images.
        labels: labels.
        seed: seed.
        batch_size: images in one pass.
        clean: which images are classified correctly.

    Raises:
        UserError: no attack, attacks with different budgets, or as for :func:`robust_verdicts`.
        BudgetViolation: an adversarial image is outside ball or box (a defect).
    """
    solvers = [_solver(each) for each in settings]
    if not solvers or any(_reach(solver) != _reach(solvers[0]) for solver in solvers):
        raise UserError(
            "a worst case needs at least one attack, and all must have the same norm and epsilon",
            where=", ".join(f"{each.name} {each.norm} {each.epsilon}" for each in settings) or "[]",
            remedy="give the attacks one norm and one epsilon, or call once for each budget",
        )
    check_inputs(solvers[0].budget, images, labels)
    if clean is not None and (clean.shape != labels.shape or clean.dtype != torch.bool):
        raise UserError(
            "what is known of the clean images must be one verdict for each",
            where=f"'clean' of shape {tuple(clean.shape)} and type {clean.dtype},"
            f" {len(images)} images",
            remedy="pass a bool tensor of shape (n,), or leave it out",
        )
    with frozen(model):
        fast = accelerated(model, images[:16])
        size = images_at_once(fast, images, on_cpu=ON_CPU, gradient=True, asked=batch_size)
        if clean is None:
            clean = still_correct(fast, images, labels, size)
        standing = Standing(clean.clone(), images.clone())
        for number, solver in enumerate(solvers):
            # The first attack has the seed itself: then its starts are those of attack.run.
            own_seed = seed if number == 0 else derive_seed(seed, "attack", number)
            if isinstance(solver, BestPointAttack):
                solver.pursue(fast, images, labels, standing, own_seed, size)
                continue
            rules.try_out(solver.rule, images)
            problem = MaxEffectProblem(solver.budget, solver.deviation, fast)
            for restart in range(solver.restarts):
                survivors = standing.robust.nonzero().squeeze(1)
                if len(survivors) == 0:
                    break
                starts = solver.starts(images, own_seed, restart)
                run = _Run(solver, problem, images, labels, starts, standing)
                standing.gradients += run.attack(survivors, size)
    first = solvers[0]
    if isinstance(first, ProjectedAscent):
        first.check(images, standing.adversarial)
    else:
        first.budget.check(images, standing.adversarial)
    return RobustVerdicts(
        clean, standing.robust, standing.adversarial, standing.gradients, standing.queries
    )


def _solver(settings: EvaluationSettings) -> ProjectedAscent | BestPointAttack:
    solver = attacks.build(settings)
    assert isinstance(solver, ProjectedAscent | BestPointAttack)
    return solver


def _reach(solver: ProjectedAscent | BestPointAttack) -> Budget:
    """What its adversarial images lie in."""
    return solver.reach if isinstance(solver, ProjectedAscent) else solver.budget


class _Run:
    """One run of projected ascent; writes into ``standing``.

    Each row of the batch is a slot: when its image is decided, the next image of the queue moves
    in; without a queue the slot is closed. Where the device's memory does not suffice, the images
    of the batch go back to the queue: what becomes of an image does not depend on the others.
    """

    def __init__(
        self,
        solver: ProjectedAscent,
        problem: MaxEffectProblem,
        images: Tensor,
        labels: Tensor,
        starts: Tensor,
        standing: Standing,
    ) -> None:
        self._solver, self._problem, self._rule = solver, problem, solver.rule
        self._images, self._labels, self._starts = images, labels, starts
        self._robust, self._adversarial = standing.robust, standing.adversarial
        self._queue = self._active = torch.empty(0, dtype=torch.int64, device=images.device)
        # Images with all their steps done; they need one forward pass more, and no gradient.
        self._finished: list[tuple[Tensor, Tensor]] = []
        self._gradients = 0

    def attack(self, positions: Tensor, size: int) -> int:
        """Attack the images at ``positions``, ``size`` at once; returns the number of gradients."""
        self._queue = positions
        # A rule may do what no recorded step can.
        every = look_every(positions.device) if self._rule is None else 1

        def go_on(size: int) -> None:
            self._begin_again()
            if every == 1:
                self._each_step(size)
            elif not self._every_few_steps(size, every):
                self._begin_again()
                self._each_step(size)
            self._judge_finished()

        halving(min(size, len(positions)), go_on)
        return self._gradients

    def _begin_again(self) -> None:
        """The images of the batch go back to the queue."""
        self._queue = torch.cat([self._active, self._queue])
        self._active = self._queue[:0]

    def _each_step(self, size: int) -> None:
        slots = self._admit(size)
        step = self._solver.stepper(slots["clean"])
        while len(slots["active"]):
            iterate, done = slots["iterate"], slots["done"]
            logits, gradient = self._problem.linearise(iterate, slots["label"])
            self._gradients += len(iterate)
            fooled = logits.argmax(1) != slots["label"]
            hit = fooled.nonzero().squeeze(1)
            if len(hit):
                self._robust[slots["active"][hit]] = False
                self._adversarial[slots["active"][hit]] = iterate[hit]
            iterate = slots["iterate"] = step(iterate, rules.along(self._rule, slots, gradient))
            done += 1
            through = ((done >= self._solver.steps) & ~fooled).nonzero().squeeze(1)
            if len(through):
                self._finished.append((slots["active"][through], iterate[through]))
                if sum(len(part) for part, _ in self._finished) >= size:
                    self._judge_finished()
            free = torch.cat([hit, through])
            if len(free):
                self._refill(slots, free)
                step = self._solver.stepper(slots["clean"])

    def _every_few_steps(self, size: int, every: int) -> bool:
        """The same for a GPU: nothing is read between two looks, and a step is recorded.

        A decided image stands still until its slot is filled or closed. Returns whether all checks
        hold; else the images in the slots are not decided.
        """
        with deferred():
            logits = logits_of(self._problem.learner, self._images[:1])
        check_classes(self._labels, logits.shape[1])
        slots = self._open(self._admit(size))
        while len(slots["active"]):
            holds = torch.ones((), dtype=torch.bool, device=self._images.device)
            step = RepeatedStep(
                partial(self._step, slots, holds), holds.device, self._problem.learner, WORTH
            )
            live = most = len(slots["active"])
            # Slots are closed in their places: other shapes would have to be recorded anew.
            while live > most // 2:
                for _ in range(every):
                    step()
                self._gradients += every * most
                if not bool(holds):
                    return False
                free = (slots["over"] & ~slots["closed"]).nonzero().squeeze(1)
                if len(free):
                    decided = slots["active"][free]
                    self._robust[decided] = ~slots["fooled"][free]
                    self._adversarial[decided] = slots["iterate"][free]
                    live -= self._replace(slots, free)
                    self._active = slots["active"][~slots["closed"]]
            left = ~slots["closed"]
            slots = {name: rows[left] for name, rows in slots.items()}
        return True

    @staticmethod
    def _open(slots: Slots) -> Slots:
        """Slots with the marks of images that are decided."""
        no = torch.zeros_like(slots["active"], dtype=torch.bool)
        return slots | {"fooled": no, "over": no.clone(), "closed": no.clone()}

    def _step(self, slots: Slots, holds: Tensor) -> None:
        """One step of the images that are not decided, which are marked as soon as they are.

        All of it is left in the tensors of ``slots``; ``holds`` is cleared if a check fails.
        """
        iterate, over = slots["iterate"], slots["over"]
        with deferred() as checks:
            logits, gradient = self._problem.linearise(iterate, slots["label"])
            fooled = logits.argmax(1) != slots["label"]
            slots["fooled"] |= fooled & ~over
            over |= fooled | (slots["done"] >= self._solver.steps)
            still = broadcast_like(over, iterate)
            step = self._solver.stepper(slots["clean"])
            if isinstance(self._solver.budget, LinfBall):
                # Without a gradient an iterate of this ball stays as it is, to the last digit.
                step(iterate, gradient.masked_fill(still, 0))
            else:
                moved = step(iterate.clone(), gradient)
                torch.where(still, iterate, moved, out=iterate)
            slots["done"] += ~over
        checks.into(holds)

    def _replace(self, slots: Slots, free: Tensor) -> int:
        """Put images of the queue into the slots ``free``; how many of these are closed instead."""
        filled = self._move_in(slots, free)
        closed = free[len(filled) :]
        for name in ("fooled", "over"):
            slots[name][filled] = False
        slots["closed"][closed] = True
        return len(closed)

    def _admit(self, count: int) -> Slots:
        """Slots for the first images of the queue."""
        active = self._active = self._queue[:count].clone()
        self._queue = self._queue[count:]
        clean = self._images[active]
        return {
            "active": active,
            "label": self._labels[active],
            "clean": clean,
            "iterate": self._starts[active],
            "done": torch.zeros_like(active),
            **into_slots(rules.begun(self._rule, clean)),
        }

    def _move_in(self, slots: Slots, free: Tensor) -> Tensor:
        """Put images of the queue into the slots ``free``; which of these are filled then."""
        newcomers = self._queue[: len(free)]
        filled = free[: len(newcomers)]
        if len(newcomers):
            self._queue = self._queue[len(newcomers) :]
            slots["active"][filled] = newcomers
            slots["label"][filled] = self._labels[newcomers]
            slots["clean"][filled] = self._images[newcomers]
            slots["iterate"][filled] = self._starts[newcomers]
            slots["done"][filled] = 0
            rules.refill(self._rule, slots, filled, self._images[newcomers])
        return filled

    def _refill(self, slots: Slots, free: Tensor) -> None:
        """Put images of the queue into the slots ``free``, and close those that stay free."""
        filled = self._move_in(slots, free)
        if len(filled) < len(free):
            keep = torch.ones_like(slots["active"], dtype=torch.bool)
            keep[free[len(filled) :]] = False
            for name, rows in slots.items():
                slots[name] = rows[keep]
            self._active = slots["active"]

    def _judge_finished(self) -> None:
        """Judge the last iterates of images with all their steps done, and forget them."""
        if not self._finished:
            return
        rows = torch.cat([part for part, _ in self._finished])
        last = torch.cat([iterate for _, iterate in self._finished])

        def judge(part: slice) -> None:
            logits = logits_of(self._problem.learner, last[part])
            self._robust[rows[part]] = logits.argmax(1) == self._labels[rows[part]]

        # At once on a CPU, as ever: another batch would be another rounding.
        in_batches(len(rows), len(rows), judge)
        self._adversarial[rows] = last
        self._finished.clear()
