"""FGSM and PGD against many networks side by side, each with a radius and a step of its own.

Tensors have a first axis of members and a second one of images. The images are those of
``attack.run`` and the verdicts those of :func:`advlearn.attacks.robustness.robust_verdicts` for
each network alone, but for rounding. What is not finite is noticed and left to these: the networks
are then attacked one after the other, and the error is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
import torch
from torch import Tensor, nn

from advlearn import attacks
from advlearn.attacks.ascent import ProjectedAscent, Step, check_inputs, start_generator
from advlearn.budgets import LinfBall
from advlearn.budgets.balls import linf_bounds
from advlearn.learners.batches import CEILING, images_at_once, in_batches
from advlearn.learners.networks.stack import FlatStack, Stack
from advlearn.metrics.accuracy import correct
from advlearn.metrics.logits import check_classes, check_labels, logits_of
from advlearn.problem.evasion import MaxEffectProblem, frozen
from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.support.errors import UserError
from advlearn.support.finite import check_finite, deferred

_ON_CPU = 500
"""Images in one pass on a CPU, over all members."""


class StackedAscent:
    """Projected ascent against the first members of a stack, each by an attack of its own.

    Where all balls are L-infinity balls in one box a step is that of all members in one; other
    balls project member by member.

    Args:
        stack: the networks, on the device of the images.
        solvers: the attack of each of the first members.

    Attributes:
        solvers: as given.
        network: these members as one network.
    """

    def __init__(self, stack: Stack, solvers: Sequence[ProjectedAscent]) -> None:
        self.solvers = tuple(solvers)
        self.network = FlatStack(stack, len(self.solvers))
        first = self.solvers[0]
        # The budget of a problem matters to those who project alone.
        self._problem = MaxEffectProblem(first.budget, self._deviation, self.network)
        weights = next(stack.parameters())
        self._epsilon, self._radius, self._size = (
            torch.tensor(numbers, dtype=weights.dtype, device=weights.device)
            for numbers in (
                [solver.budget.epsilon for solver in self.solvers],
                # No step leaves the ball round the iterate that it begins at.
                [s.budget.epsilon if s.ball == "image" else inf for s in self.solvers],
                [solver.stride for solver in self.solvers],
            )
        )
        self.steps = torch.tensor([solver.steps for solver in self.solvers], device=weights.device)
        self._most = max(solver.steps for solver in self.solvers)
        self._even = all(solver.steps == self._most for solver in self.solvers)
        self._linf = all(
            isinstance(solver.budget, LinfBall) and solver.budget.box == first.budget.box
            for solver in self.solvers
        )

    def linearise(self, iterate: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (m, n, classes) at ``iterate`` (m, n, ...) and the gradient of the deviation.

        Args:
            iterate: images of each member.
            labels: int64 (m, n).

        Raises:
            UserError: as :meth:`advlearn.problem.evasion.EvasionProblem.linearise`.
        """
        found = self._problem.linearise(iterate.flatten(0, 1), labels.flatten())
        logits, gradient = (each.unflatten(0, iterate.shape[:2]) for each in found)
        return logits, gradient

    def project(self, clean: Tensor, candidate: Tensor) -> Tensor:
        """``candidate`` (m, n, ...) brought back into the ball of its member and into the box."""
        if self._linf:
            return torch.clamp(candidate, *self._bounds(clean, self._epsilon))
        parts = zip(self.solvers, clean, candidate, strict=True)
        return torch.stack([solver.budget.project(*images) for solver, *images in parts])

    def stepper(self, clean: Tensor) -> Step:
        """``(iterate, gradient) -> next iterate`` around ``clean`` (m, n, ...).

        The iterate is overwritten.
        """
        if self._linf:
            (low, high), budget = self._bounds(clean, self._radius), self.solvers[0].budget
            size = _column(self._size, clean)

            def clamped(iterate: Tensor, gradient: Tensor) -> Tensor:
                return iterate.addcmul_(budget.maximiser(gradient), size).clamp_(low, high)

            return clamped
        steps = [solver.stepper(own) for solver, own in zip(self.solvers, clean, strict=True)]

        def each(iterate: Tensor, gradient: Tensor) -> Tensor:
            parts = zip(steps, iterate, gradient, strict=True)
            return torch.stack([step(*tensors) for step, *tensors in parts])

        return each

    def climb(self, clean: Tensor, labels: Tensor, starts: Tensor) -> Tensor:
        """The final iterates of all members from ``starts``; waits for the device nowhere.

        A member whose attack has fewer steps than others stands still in the last ones. To be
        called within :func:`advlearn.problem.evasion.frozen` of ``network``.

        Args:
            clean: images of each member (m, n, ...).
            labels: int64 (m, n).
            starts: where the runs begin (m, n, ...).
        """
        step, iterate = self.stepper(clean), starts.clone()
        for number in range(self._most):
            _, gradient = self.linearise(iterate, labels)
            if self._even:
                iterate = step(iterate, gradient)
            else:
                moved = step(iterate.clone(), gradient)
                iterate = torch.where(_column(self.steps > number, clean), moved, iterate)
        return iterate

    def starts(self, images: Tensor, seed: int, restart: int) -> tuple[Tensor, Tensor]:
        """Starts of run number ``restart`` against all members, each different set once.

        Args:
            images: clean images (n, ...), those of all members.
            seed: decides the random starts.
            restart: number of the run.

        Returns:
            Starts (u, n, ...), and which of them each member has (m,).
        """
        made: dict[object, int] = {}
        sets: list[Tensor] = []
        which = []
        for solver in self.solvers:
            key = (solver.random_start, solver.budget if solver.random_start else None)
            if key not in made:
                made[key] = len(sets)
                sets.append(solver.starts(images, seed, restart))
            which.append(made[key])
        return torch.stack(sets), torch.tensor(which, device=images.device)

    def reached(self, images: Tensor, labels: Tensor) -> Tensor:
        """The deviation (m, n) at ``images`` (m, n, ...), without a gradient."""
        logits = logits_of(self.network, images.flatten(0, 1))
        reached = self._deviation(logits, labels.flatten())
        check_finite(reached, "the deviations", remedy="choose another deviation")
        return reached.view(images.shape[:2])

    def _bounds(self, clean: Tensor, radii: Tensor) -> tuple[Tensor, Tensor]:
        return linf_bounds(clean, _column(radii, clean), self.solvers[0].budget.box)

    def _deviation(self, logits: Tensor, labels: Tensor) -> Tensor:
        deviations = [solver.deviation for solver in self.solvers]
        if all(deviation is deviations[0] for deviation in deviations):
            return deviations[0](logits, labels)
        m = len(deviations)
        parts = zip(deviations, logits.chunk(m), labels.chunk(m), strict=True)
        return torch.cat([deviation(*own) for deviation, *own in parts])


def start_shift(
    solver: ProjectedAscent, shape: torch.Size, dtype: torch.dtype, seed: int
) -> Tensor:
    """The perturbations at which the first run of a random start begins, before any projection.

    Args:
        solver: the attack; its starts are random.
        shape: of the images (n, ...).
        dtype: of the images.
        seed: as for ``solver.run``.
    """
    return solver.budget.random_shift(shape, dtype, start_generator(seed, 0))


def stacked_images(
    stack: Stack,
    images: Tensor,
    labels: Tensor,
    solvers: Sequence[ProjectedAscent],
    seed: int,
    batch_size: int | None = None,
) -> Tensor:
    """Adversarial images for every member, by an attack of its own: ``run`` of each solver.

    Args:
        stack: the networks, on the device of the images.
        images: clean images (n, ...) inside the box of all budgets, the same for all members.
        labels: int64 (n,).
        solvers: the attack of each member.
        seed: decides the random starts, those of each ``solver.run`` with this seed.
        batch_size: images of each member in one pass; by default by the device.

    Returns:
        (m, n, ...).

    Raises:
        UserError: as :meth:`advlearn.attacks.ascent.ProjectedAscent.run`.
        BudgetViolation: the result is not inside a budget (a defect).
    """
    check_stack(stack, images, labels, solvers)
    ascent, m = StackedAscent(stack, solvers), len(solvers)
    best = images.expand(m, *images.shape).clone()
    deviation = torch.full((m, len(images)), -torch.inf, device=images.device, dtype=images.dtype)
    restarts = torch.tensor([solver.restarts for solver in solvers], device=images.device)
    size = width(stack, images, gradient=True, asked=batch_size)
    most = max(solver.restarts for solver in solvers)
    with frozen(ascent.network), deferred() as checks:
        for restart in range(most):
            starts, which = ascent.starts(images, seed, restart)
            runs = restarts > restart

            def climb(
                part: slice, starts: Tensor = starts, which: Tensor = which, runs: Tensor = runs
            ) -> None:
                own = images[part].expand(m, *images[part].shape)
                wanted = labels[part].expand(m, -1)
                final = ascent.climb(own, wanted, starts[which, part])
                if most == 1:
                    best[:, part] = final
                    return
                reached = ascent.reached(final, wanted)
                better = (reached > deviation[:, part]) & runs[:, None]
                best[:, part] = torch.where(columns(better, final), final, best[:, part])
                deviation[:, part] = torch.where(better, reached, deviation[:, part])

            in_batches(len(images), size, climb)
    if not checks.hold():
        each = enumerate(solvers)
        return torch.stack([s.run(stack.network(i), images, labels, seed) for i, s in each])
    for solver, own in zip(solvers, best, strict=True):
        solver.check(images, own)
    return best


def stacked_correct(stack: Stack, images: Tensor, labels: Tensor) -> np.ndarray:
    """Whether each member classifies each image rightly, bool (m, n).

    Args:
        stack: the networks, on any device.
        images: (m, n, ...), each member's own, or (1, n, ...), the same for all.
        labels: int64 (n,).

    Raises:
        UserError: as :func:`advlearn.metrics.accuracy.correct`.
    """
    m, n = len(stack), images.shape[1]
    check_labels(labels, n)
    network, device = FlatStack(stack), next(stack.parameters()).device
    right = np.zeros((m, n), dtype=bool)

    def judge(part: slice) -> None:
        batch = images[:, part].to(device)
        batch = batch.expand(m, *batch.shape[1:])
        logits = logits_of(network, batch.flatten(0, 1))
        right[:, part] = (logits.argmax(1).view(m, -1).cpu() == labels[part].cpu()).numpy()

    with frozen(network), deferred() as checks:
        in_batches(n, width(stack, images[0], gradient=False), judge)
    if not checks.hold():
        own = images.expand(m, *images.shape[1:])
        return np.stack([correct(stack.network(i), own[i], labels) for i in range(m)])
    return right


def solver_of(settings: FgsmSettings | PgdSettings) -> ProjectedAscent:
    """The attack of some settings."""
    solver = attacks.build(settings)
    assert isinstance(solver, ProjectedAscent)
    return solver


def check_stack(
    stack: Stack, images: Tensor, labels: Tensor, solvers: Sequence[ProjectedAscent]
) -> None:
    """Refuse what no attack can be run on, before checks are deferred.

    Raises:
        UserError: as :func:`advlearn.attacks.ascent.check_inputs`, a label outside the classes, or
            another number of attacks than of networks.
    """
    if len(solvers) != len(stack):
        raise UserError(
            "each network of a stack is attacked by an attack of its own",
            where=f"{len(solvers)} attacks, {len(stack)} networks",
            remedy="give one attack for each network; several may be the same",
        )
    if any(solver.rule is not None for solver in solvers):
        raise UserError(
            "an attack of one's own is run against one network at a time",
            where="attacks on networks side by side",
            remedy="attack each network by robust_verdicts or attack.run",
        )
    for budget in {solver.budget for solver in solvers}:
        check_inputs(budget, images, labels)
    if len(images):
        network = FlatStack(stack)
        with frozen(network), deferred():
            logits = logits_of(network, images[:1].expand(len(stack), *images.shape[1:]))
        check_classes(labels, logits.shape[1])


def width(stack: Stack, images: Tensor, *, gradient: bool, asked: int | None = None) -> int:
    """Images of each member in one pass, at least 1.

    Args:
        stack: the networks.
        images: (n, ...), what any of them is given.
        gradient: whether the pass goes back to the images.
        asked: what the caller asks for; it wins.
    """
    m, network = len(stack), _Shared(stack)
    with frozen(network):
        size = images_at_once(
            network, images[:16], on_cpu=max(1, _ON_CPU // m), gradient=gradient, asked=asked
        )
    return size if asked is not None else max(1, min(size, CEILING // m))


class _Shared(nn.Module):
    """All members on the same images, by which the need of an image is measured."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self.stack = stack

    def forward(self, images: Tensor) -> Tensor:
        """Logits (m n, classes)."""
        logits: Tensor = self.stack(images.expand(len(self.stack), *images.shape))
        return logits.flatten(0, 1)


def columns(values: Tensor, like: Tensor) -> Tensor:
    """One number an image, (m, n), shaped to broadcast against ``like`` (m, n, ...)."""
    return values.reshape(*values.shape, *([1] * (like.ndim - 2)))


def _column(values: Tensor, like: Tensor) -> Tensor:
    """One number a member, (m,), shaped to broadcast against ``like`` (m, n, ...)."""
    return values.reshape(-1, *([1] * (like.ndim - 1)))
