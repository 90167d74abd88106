"""FAB: the nearest adversarial image, along the boundaries of the linearised network.

Croce and Hein (2020), "Minimally distorted adversarial examples with a fast adaptive boundary
attack", in the targeted form of their AutoAttack: an image is sent to one class after the other,
those with the largest clean logits first. Each step projects the iterate and the clean image on the
boundary of label and target as linearised at the iterate, inside the box, and takes 1.05 times
either step; the next iterate is a mean of the two ends, the nearer the clean image's boundary is,
the more of it, at most a tenth. From a misclassified iterate the search goes back nine tenths of
the way. No length of steps and no loss is chosen: an attack on other principles than ascent, which
gradients that vanish or mislead an ascent need not mislead.

:class:`Fab` judges at a radius, like APGD, and :class:`ShortestFab` looks for the shortest
perturbation. Different from the authors' code: the projections are exact, and an image that is
judged at a radius stops at the first point inside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from advlearn import budgets
from advlearn.attacks.ascent import start_generator
from advlearn.attacks.best_point import BestPointAttack, Rows, Run, goals, keep_best, runs_of
from advlearn.attacks.min_effort import MinEffortAttack, broadcast_like, misclassified
from advlearn.budgets.hyperplane import step_to_hyperplane
from advlearn.deviations import negative_margin
from advlearn.metrics.logits import logits_of
from advlearn.problem.evasion import EvasionProblem, MaxEffectProblem, MinEffortProblem
from advlearn.settings.attack import FabSettings

_BEYOND, _BACK, _MOST = 1.05, 0.9, 0.1
_SMALLEST = 1e-8


def build(settings: FabSettings) -> Fab:
    """The attack of these settings."""
    return Fab(
        budget=budgets.build(settings.norm, settings.epsilon),
        restarts=settings.restarts,
        n_steps=settings.steps,
        targets=settings.targets,
    )


@dataclass(frozen=True)
class Fab(BestPointAttack):
    """Does the search for the nearest adversarial image meet one inside the ball?

    Args:
        budget: where an adversarial image must lie; the search itself may leave the ball.
        restarts: runs for each target; the first begins at the clean image, others at random, half
            the radius away.
        batch_size: images in one pass; None: by the device.
        n_steps: linearisations of a run, at least 1.
        targets: most classes that an image is sent to; None: all but the label.
    """

    n_steps: int = 100
    targets: int | None = 9

    uses_gradient: ClassVar[bool] = True

    @property
    def steps(self) -> int:
        """Linearisations of a run."""
        return self.n_steps

    def runs(self, n_classes: int) -> int:
        """Restarts for each target."""
        return runs_of(self.restarts, self.targets, n_classes)

    def starts(self, images: Tensor, seed: int, run: int) -> Tensor:
        """The images themselves, or random points of a sphere of half the radius."""
        if run % self.restarts == 0:
            return images
        half = budgets.build(self.budget.norm, self.budget.epsilon / 2, self.budget.box)
        return half.random_border(images, start_generator(seed, run))

    def begin(self, run: Run, rows: Rows) -> None:
        """The target of each image."""
        rows["goal"] = goals(run, rows, run.number // self.restarts)

    def step(self, run: Run, rows: Rows, number: int) -> None:
        """Move and look; what is misclassified outside the ball goes back towards its image."""
        clean, label = rows["clean"], rows["label"]
        if number:
            problem = MaxEffectProblem(self.budget, lead, run.network)
            rows["iterate"] = _ahead(problem, clean, rows["iterate"], rows["goal"], self.budget)
        points = rows["iterate"]
        logits = logits_of(run.network, points)
        inside = self.budget.distance(clean, points) <= self.budget.epsilon
        keep_best(rows, points, logits, negative_margin(logits, label), among=inside)
        rows["iterate"] = _back(clean, points, misclassified(logits, label))


@dataclass(frozen=True)
class ShortestFab(MinEffortAttack):
    """The shortest perturbation that FAB finds, all targets tried.

    Args:
        norm: l2 or linf.
        batch_size: images in one pass; None: by the device.
        steps: linearisations for each target, at least 1.
        targets: most classes that an image is sent to; None: all but the label.
    """

    steps: int = 100
    targets: int | None = 9

    def _attack(
        self, problem: MinEffortProblem[Tensor], clean: Tensor, labels: Tensor, logits: Tensor
    ) -> tuple[Tensor, Tensor]:
        ball = budgets.build(self.norm, 1.0)
        led = MinEffortProblem(problem.distance, problem.reached, lead, problem.learner)
        best = clean.clone()
        shortest = torch.full_like(logits[:, 0], torch.inf, dtype=torch.float64)
        others = logits.scatter(1, labels[:, None], -torch.inf).argsort(
            stable=True, dim=1, descending=True
        )
        for target in others[:, : runs_of(1, self.targets, logits.shape[1])].unbind(1):
            goal, points = torch.stack([labels, target], 1), clean
            for _ in range(self.steps):
                points = _ahead(led, clean, points, goal, ball)
                hit = problem.reached(logits_of(problem.learner, points), labels)
                distance = problem.distance(clean, points)
                nearer = hit & (distance < shortest)
                best = torch.where(broadcast_like(nearer, best), points, best)
                shortest = torch.where(nearer, distance, shortest)
                points = _back(clean, points, hit)
        return best, shortest.isfinite()


def lead(logits: Tensor, goals: Tensor) -> Tensor:
    """By how much the target leads the label, (n,); ``goals`` (n, 2) are label and target."""
    label, target = logits.gather(1, goals).unbind(1)
    return target - label


def _ahead(
    problem: EvasionProblem[Tensor],
    clean: Tensor,
    points: Tensor,
    goal: Tensor,
    ball: budgets.Budget,
) -> Tensor:
    """The next iterates, in the box; of ``ball`` norm and box count, not the radius."""
    logits, slope = problem.linearise(points, goal)
    here = lead(logits, goal).double()
    at_clean = here + (slope.double() * (clean.double() - points)).flatten(1).sum(1)
    both = torch.cat([points, clean])
    slopes, values = torch.cat([slope, slope]), torch.cat([here, at_clean])
    steps = step_to_hyperplane(both, slopes, values, ball.norm, ball.box)
    lengths = ball.distance(torch.zeros_like(steps), steps).clamp_(min=_SMALLEST)
    near, far = lengths.split(len(points))
    share = broadcast_like((near / (near + far)).clamp_(max=_MOST), points).to(points.dtype)
    ends = both + _BEYOND * steps
    mean = ends[: len(points)] * (1 - share) + ends[len(points) :] * share
    return mean.clamp_(ball.box.low, ball.box.high)


def _back(clean: Tensor, points: Tensor, where: Tensor) -> Tensor:
    """Nine tenths of the way from the clean images, ``where`` (n,) says so."""
    return torch.where(broadcast_like(where, points), clean + _BACK * (points - clean), points)
