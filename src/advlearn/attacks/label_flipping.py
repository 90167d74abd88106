"""Label flipping against a linear classifier: max effect, budget a number of labels.

    maximise  loss(theta(y with flips); validation)    over at most k flips

The greedy attack flips one label after the other, the one that raises the validation loss most
(Biggio, Nelson and Laskov 2011; Paudice et al. 2018). What a flip would do is found by training
again, or first estimated by its influence (Koh and Liang 2017): turning y_i into 1 - y_i changes
grad_theta L by D_i x_i / n, D_i the change of the slope of the loss (of the log loss 2 y_i - 1),
hence the validation loss, to first order, by -D_i (v . x_i) / n with the v of
:mod:`advlearn.attacks.poisoning`.

The best k flips are found by no polynomial algorithm in general; the greedy ones need not be they.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advlearn.attacks.poisoning import LinearTask
from advlearn.budgets.points import Array, FewLabels
from advlearn.learners.linear import SCALE, add_intercept
from advlearn.problem.bilevel import BilevelProblem
from advlearn.support.finite import check_finite


def flipping_problem(task: LinearTask, count: int) -> BilevelProblem[Array]:
    """M1 and M2 of flipping at most ``count`` training labels; E is 1 where a label is flipped."""

    def fitted(targets: Array) -> Array:
        return task.learner.fit(task.points, targets, task.penalty)

    return BilevelProblem(task.targets, FewLabels(count), task.increase, fitted, perturb=flipped)


def flipped(targets: Array, flips: Array) -> Array:
    """``targets`` (n,) of 0 and 1 with those flipped where ``flips`` is 1."""
    return np.abs(targets - flips)


@dataclass(frozen=True)
class GreedyFlips:
    """One flip after the other, each the best of the shortlist; proposes the flips so far.

    Args:
        task: the classifier.
        shortlist: flips of the largest influence that are tried by training again, in each round;
            1 trusts the influence, None tries every label.
    """

    task: LinearTask
    shortlist: int | None = None

    def candidates(
        self, problem: BilevelProblem[Any], tau: float, generator: np.random.Generator
    ) -> Iterator[Array]:
        """After each round the flips made until then."""
        flips = np.zeros(len(problem.data))
        theta = problem.before
        for _ in range(min(int(tau), len(flips))):
            best, highest, reached = flips, -np.inf, theta
            for index in self._shortlist(problem, flips, theta):
                trial = flips.copy()
                trial[index] = 1
                answer = problem.after(trial)
                effect = problem.effect_of(answer)
                if effect > highest:
                    best, highest, reached = trial, effect, answer
            flips, theta = best, reached
            yield flips

    def _shortlist(
        self, problem: BilevelProblem[Any], flips: Array, theta: Array
    ) -> NDArray[np.int64]:
        targets = flipped(problem.data, flips)
        task, lifted = self.task, add_intercept(self.task.points)
        adjoint, scores = task.adjoint(task.points, targets, theta), lifted @ theta
        slopes = task.learner.slopes
        change = slopes(scores, 1 - targets) - slopes(scores, targets)
        influence = -change * (lifted @ adjoint)
        check_finite(influence, "influences", thing="points", remedy=SCALE)
        left = np.flatnonzero(flips == 0)
        order = left[np.argsort(-influence[left], kind="stable")]
        return order[: self.shortlist].astype(np.int64)
