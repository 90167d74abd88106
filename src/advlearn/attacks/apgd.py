"""Auto-PGD: projected ascent with momentum, whose steps are halved where they lead nowhere.

Croce and Hein (2020), "Reliable evaluation of adversarial robustness with an ensemble of diverse
parameter-free attacks", algorithm 1. The first step is twice the radius. At check points, 22 % of
the steps and then ever closer, an image's step is halved and it goes back to its best point, if
fewer than 75 % of the steps since the last check point made its deviation larger, or if neither
step nor best deviation has changed since then. A run begins at a random point of the surface.

Differences: an image stops at the first point that fools the network, as no later one changes its
verdict; the conditions are those of the paper where the authors' code departs from it (rounded
check points, "at most" for "fewer than", the first comparison with 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from advlearn import budgets, deviations
from advlearn.attacks.ascent import start_generator
from advlearn.attacks.best_point import BestPointAttack, Rows, Run, goals, keep_best, runs_of
from advlearn.attacks.min_effort import broadcast_like
from advlearn.deviations import Deviation, targeted_dlr
from advlearn.problem.evasion import MaxEffectProblem
from advlearn.settings.attack import ApgdSettings

_MOMENTUM, _ENOUGH = 0.75, 0.75
_FIRST_STEP = 2.0


def build(settings: ApgdSettings) -> Apgd:
    """The attack of these settings."""
    targeted = settings.deviation == "targeted_dlr"
    return Apgd(
        budget=budgets.build(settings.norm, settings.epsilon),
        restarts=settings.restarts,
        deviation=targeted_dlr if targeted else deviations.build(settings.deviation),
        n_steps=settings.steps,
        targets=settings.targets if targeted else 0,
    )


@dataclass(frozen=True)
class Apgd(BestPointAttack):
    """See the module.

    Args:
        budget: where the images may move to.
        restarts: runs from independent starts; with targets, for each of them.
        batch_size: images in one pass; None: by the device.
        deviation: what is maximised: of logits and labels or, with targets, of logits and pairs
            (n, 2) of label and target.
        n_steps: gradient steps of a run, at least 1.
        targets: most classes that an image is sent to, those of the largest clean logits first;
            0: none, the deviation has no target; None: all but the label.
    """

    deviation: Deviation = deviations.cross_entropy
    n_steps: int = 100
    targets: int | None = 0

    uses_gradient: ClassVar[bool] = True

    @property
    def steps(self) -> int:
        """Gradient steps of a run."""
        return self.n_steps

    def runs(self, n_classes: int) -> int:
        """Restarts, for each target."""
        return (
            self.restarts if self.targets == 0 else runs_of(self.restarts, self.targets, n_classes)
        )

    def starts(self, images: Tensor, seed: int, run: int) -> Tensor:
        """Random points of the surface."""
        return self.budget.random_border(images, start_generator(seed, run))

    def begin(self, run: Run, rows: Rows) -> None:
        """Steps, momentum and what the check points compare."""
        rows["goal"] = rows["label"]
        if self.targets != 0:
            rows["goal"] = goals(run, rows, run.number // self.restarts)
        rows["previous"] = rows["iterate"]
        rows["gradient"] = rows["best_gradient"] = torch.zeros_like(rows["iterate"])
        rows["now"] = rows["at_check"] = rows["value"]
        rows["length"] = torch.full_like(rows["value"], _FIRST_STEP * self.budget.epsilon)
        rows["rises"] = torch.zeros_like(rows["label"])
        rows["halved"] = torch.zeros_like(rows["fooled"])

    def plan(self, images: Tensor, seed: int, run: int) -> dict[int, int]:
        """The check points; nothing in it is random."""
        return check_points(self.n_steps)

    def step(self, run: Run, rows: Rows, number: int) -> None:
        """Move, look, and at a check point choose the length of the steps to come."""
        if number:
            rows["iterate"], rows["previous"] = self._moved(rows, number), rows["iterate"]
        problem = MaxEffectProblem(self.budget, self.deviation, run.network)
        logits, rows["gradient"] = problem.linearise(rows["iterate"], rows["goal"])
        value = self.deviation(logits, rows["goal"])
        rows["rises"] = rows["rises"] + (value > rows["now"])
        rows["now"] = value
        better = keep_best(rows, rows["iterate"], logits, value)
        rows["best_gradient"] = torch.where(
            broadcast_like(better, rows["gradient"]), rows["gradient"], rows["best_gradient"]
        )
        if number == 0:
            rows["at_check"], rows["rises"] = value, torch.zeros_like(rows["rises"])
            return
        if number in run.plan:
            _adapt(rows, run.plan[number])

    def _moved(self, rows: Rows, number: int) -> Tensor:
        clean, iterate = rows["clean"], rows["iterate"]
        length = broadcast_like(rows["length"], iterate)
        ahead = self.budget.maximiser(rows["gradient"]).mul_(length).add_(iterate)
        ahead = self.budget.project(clean, ahead)
        if number == 1:
            return ahead
        shift = _MOMENTUM * (ahead - iterate) + (1 - _MOMENTUM) * (iterate - rows["previous"])
        return self.budget.project(clean, shift.add_(iterate))


def _adapt(rows: Rows, window: int) -> None:
    """At a check point, ``window`` steps after the last one."""
    few = rows["rises"] < _ENOUGH * window
    stuck = ~rows["halved"] & (rows["at_check"] == rows["value"])
    halve = few | stuck
    rows["length"] = torch.where(halve, rows["length"] / 2, rows["length"])
    for key, best in (("iterate", "best"), ("gradient", "best_gradient"), ("now", "value")):
        rows[key] = torch.where(broadcast_like(halve, rows[key]), rows[best], rows[key])
    rows["halved"], rows["at_check"] = halve, rows["value"]
    rows["rises"] = torch.zeros_like(rows["rises"])


def check_points(steps: int) -> dict[int, int]:
    """Steps after which lengths are looked at, and of each how many steps the last one was ago.

    Of 100 steps 22, 41, 57, 70, 80, 87, 93 and 99.
    """
    # In hundredths of the steps: after 22, then each time 3 sooner, but after 6 at least.
    at, gap, points = 22, 22, {}
    last = 0
    while at < 100:
        point = -(-at * steps // 100)
        if point > last:
            points[point] = point - last
        last, gap = point, max(gap - 3, 6)
        at += gap
    return points
