"""Data poisoning of a linear classifier: max effect, the training points are perturbed.

    maximise  loss(theta(A + E); validation)  over E in the budget,  theta(B) = argmin L(theta; B)

The lower level answers to every perturbation, so that the gradient by E goes through its solution
(Biggio, Nelson and Laskov 2012, for an SVM; Muñoz-González et al. 2017). At the minimum
grad_theta L = 0, and the implicit function theorem gives

    d loss / d x_i = -(d/d x_i) [ v . grad_theta L ],    v = H^-1 grad_theta loss,

with H the second derivative of L by theta. For the L of :mod:`advlearn.learners.linear`, with l'
and l'' the derivatives of the loss by the score z_i, w the weights without the intercept and v_w
those entries of v (derived here),

    d loss / d x_i = -1/n [ l''(z_i) (v . x_i) w + l'(z_i) v_w ].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from advlearn.budgets.points import Array, PointBudget
from advlearn.learners.linear import SCALE, LinearLearner, add_intercept
from advlearn.learners.logistic import LOGISTIC
from advlearn.problem.bilevel import BilevelProblem
from advlearn.support.errors import UserError
from advlearn.support.finite import check_finite

# The step rule of Madry et al. (2018): the border is within reach from anywhere inside.
_REACH = 2.5


@dataclass(frozen=True, eq=False)
class LinearTask:
    """A linear classifier and the points on which its user judges it.

    Args:
        points: training points (n, d), finite.
        targets: 0 or 1, (n,).
        validation_points: (m, d), finite.
        validation_targets: 0 or 1, (m,).
        penalty: lambda > 0 of the lower level.
        learner: its loss.

    Raises:
        UserError: points, targets or a penalty that define no problem.
    """

    points: Array
    targets: Array
    validation_points: Array
    validation_targets: Array
    penalty: float = 0.01
    learner: LinearLearner = LOGISTIC

    def __post_init__(self) -> None:
        self.learner.check(self.points, self.targets, self.penalty)
        self.learner.check(self.validation_points, self.validation_targets, self.penalty)
        if self.points.shape[1] != self.validation_points.shape[1]:
            raise UserError(
                "training and validation points must have the same coordinates",
                where=f"{self.points.shape[1]} and {self.validation_points.shape[1]} columns",
                remedy="split one data set into the two",
            )

    def problem(self, budget: PointBudget) -> BilevelProblem[Array]:
        """M1 and M2 of moving the training points: D is the increase of the validation loss."""
        return BilevelProblem(self.points, budget, self.increase, self.fitted)

    def fitted(self, points: Array) -> Array:
        """The lower level: theta (d + 1,) for these training points."""
        return self.learner.fit(points, self.targets, self.penalty)

    def loss(self, theta: Array) -> float:
        """Mean loss on the validation points."""
        return self.learner.loss(self.validation_points, self.validation_targets, theta)

    def increase(self, before: Array, after: Array) -> float:
        """By how much the loss of theta ``after`` exceeds that of ``before``."""
        return self.loss(after) - self.loss(before)

    def adjoint(self, points: Array, targets: Array, theta: Array) -> Array:
        """V = H^-1 grad_theta loss at the minimum ``theta`` for points and targets, (d + 1,)."""
        learner = self.learner
        slope = learner.loss_gradient(self.validation_points, self.validation_targets, theta)
        return learner.newton_direction(points, targets, self.penalty, theta, slope)

    def hypergradient(self, points: Array, theta: Array) -> Array:
        """Derivative of the validation loss by the training points, (n, d).

        Args:
            points: (n, d).
            theta: the minimum for them, :meth:`fitted`.

        Raises:
            UserError: it is not finite.
        """
        adjoint = self.adjoint(points, self.targets, theta)
        lifted = add_intercept(points)
        scores = lifted @ theta
        along = self.learner.curvatures(scores, self.targets) * (lifted @ adjoint)
        slopes = self.learner.slopes(scores, self.targets)
        mixed = np.outer(along, theta[:-1]) + np.outer(slopes, adjoint[:-1])
        found = np.asarray(-mixed / len(points))
        check_finite(found, "hypergradients", thing="points", remedy=SCALE)
        return found


@dataclass(frozen=True)
class HypergradientAscent:
    """Projected steepest ascent of the validation loss; proposes its best iterate.

    Args:
        task: the classifier; its problem is the one that is attacked.
        steps: gradient steps of one run, at least 1; each asks the learner once.
        restarts: runs, the first from E = 0 and the others from random points of the boundary.
    """

    task: LinearTask
    steps: int = 20
    restarts: int = 1

    def candidates(
        self, problem: BilevelProblem[Any], tau: float, generator: np.random.Generator
    ) -> Iterator[Array]:
        """The best iterate of each run."""
        budget = problem.budget.scaled(tau)
        for run in range(self.restarts):
            shape = problem.data.shape
            current = np.zeros(shape) if run == 0 else budget.random(shape, generator)
            best, highest = current, -np.inf
            for step in range(self.steps + 1):
                theta = problem.after(current)
                effect = problem.effect_of(theta)
                if effect > highest:
                    best, highest = current, effect
                if step < self.steps:
                    uphill = self.task.hypergradient(problem.data + current, theta)
                    ascent = budget.maximiser(uphill)
                    length = _REACH * tau / self.steps
                    # Points of an SVM beyond its margin have no slope: only a jump leads on.
                    flat = not ascent.any()
                    current = (
                        budget.random(shape, generator)
                        if flat
                        else budget.project(current + length * ascent)
                    )
            yield best
