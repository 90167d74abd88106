"""Linear classifiers of two classes with a quadratic penalty: lower levels that can be derived.

For points x_i (n, d) with a last coordinate of one appended, targets y_i in {0, 1}, a loss l of a
score and a penalty lambda > 0, theta minimises

    L(theta; X, y) = 1/n sum_i l(z_i, y_i) + lambda / 2 ||theta||^2,  z = X theta.

The intercept is penalised like all other weights, so that L is strongly convex and has one minimum
whatever the data are (separable, or all of one class), and theta follows X and y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from advlearn.support.errors import UserError

Array = NDArray[np.float64]
OfScores = Callable[[Array, Array], Array]
"""Scores (n,) and targets (n,) -> (n,)."""

LARGEST = 1e100
"""Largest coordinate: sums of products of two must stay far below overflow."""
SCALE = "scale each feature, for example to mean 0 and standard deviation 1"

# Newton's steps are quadratic from the first that is accepted whole; a hundred is never needed.
_MOST_STEPS = 100
_ENOUGH_DECREASE = 1e-4


@dataclass(frozen=True)
class LinearLearner:
    """A loss of scores, with its minimum and the derivatives that attacks need.

    Args:
        name: of the learner, for messages.
        losses: convex in the score, >= 0.
        slopes: first derivative by the score.
        curvatures: second derivative by the score, >= 0; where there is none, a generalised one.
    """

    name: str
    losses: OfScores
    slopes: OfScores
    curvatures: OfScores

    def check(self, points: Array, targets: Array, penalty: float) -> None:
        """Check that there is a lower-level problem.

        Raises:
            UserError: points that are no finite matrix or above `LARGEST`, targets other than 0 and
                1 or of another length, no points, or a penalty that is not above 0 and finite.
        """
        finite = points.ndim == 2 and len(points) > 0 and bool(np.isfinite(points).all())
        if not finite or targets.shape != points.shape[:1] or not np.isin(targets, (0, 1)).all():
            raise UserError(
                f"{self.name} needs finite points (n, d) and a target 0 or 1 for each",
                where=f"points of shape {points.shape}, targets of shape {targets.shape}",
                remedy="remove rows with NaN, and code the two classes as 0 and 1",
            )
        if not (np.isfinite(penalty) and penalty > 0):
            raise UserError(
                f"the penalty of {self.name} must be above 0",
                where=f"penalty {penalty}",
                remedy="give for example 0.01; without one there may be no minimum",
            )
        largest = float(np.abs(points).max(initial=0.0))
        if largest > LARGEST:
            raise UserError(
                f"the points are too large: the largest coordinate is {largest:.3g}",
                where=f"points of shape {points.shape}, at most {LARGEST:g}",
                remedy=SCALE,
            )

    def fit(self, points: Array, targets: Array, penalty: float) -> Array:
        """Theta (d + 1,), the intercept last, by damped Newton steps to rounding.

        Args:
            points: (n, d) finite.
            targets: (n,) of 0 and 1.
            penalty: lambda > 0.

        Raises:
            UserError: see `check`.
        """
        self.check(points, targets, penalty)
        lifted = add_intercept(points)
        theta = np.zeros(lifted.shape[1])
        value = self._objective(lifted, targets, penalty, theta)
        for _ in range(_MOST_STEPS):
            slopes = self.slopes(lifted @ theta, targets)
            gradient = lifted.T @ slopes / len(lifted) + penalty * theta
            step = -self.newton_direction(points, targets, penalty, theta, gradient)
            slope = float(gradient @ step)
            # Half the slope estimates what is left to gain: below rounding, the value cannot tell.
            if -slope <= 4 * np.finfo(float).eps * max(1.0, abs(value)):
                return np.asarray(theta + step)
            length = 1.0
            while True:
                trial = theta + length * step
                ahead = self._objective(lifted, targets, penalty, trial)
                if ahead <= value + _ENOUGH_DECREASE * length * slope or length < 1e-10:
                    break
                length *= 0.5
            theta, value = trial, ahead
        return theta

    def hessian(self, points: Array, targets: Array, penalty: float, theta: Array) -> Array:
        """Second derivative of L by theta, (d + 1, d + 1), positive definite."""
        lifted = add_intercept(points)
        bent = self.curvatures(lifted @ theta, targets)
        curvature: Array = (lifted * bent[:, None]).T @ lifted / len(lifted)
        return curvature + penalty * np.eye(len(curvature))

    def newton_direction(
        self, points: Array, targets: Array, penalty: float, theta: Array, slope: Array
    ) -> Array:
        """H^-1 ``slope`` (d + 1,) with H the second derivative of L at ``theta``.

        The system solved is that of the smaller side: H, or, where there are fewer points than
        weights, the (n, n) one of H = B'B + lambda I by the identity of Sherman, Morrison and
        Woodbury.
        """
        n, d = points.shape
        if n > d:
            factor = cho_factor(self.hessian(points, targets, penalty, theta))
            return np.asarray(cho_solve(factor, slope))
        lifted = add_intercept(points)
        lifted *= np.sqrt(self.curvatures(lifted @ theta, targets) / n)[:, None]
        products = lifted @ lifted.T
        products[np.diag_indices(n)] += penalty
        inner = cho_solve(cho_factor(products), lifted @ slope)
        return np.asarray((slope - lifted.T @ inner) / penalty)

    def loss(self, points: Array, targets: Array, theta: Array) -> float:
        """Mean loss, without the penalty."""
        return self._objective(add_intercept(points), targets, 0.0, theta)

    def loss_gradient(self, points: Array, targets: Array, theta: Array) -> Array:
        """Derivative of `loss` by theta, (d + 1,)."""
        lifted = add_intercept(points)
        return np.asarray(lifted.T @ self.slopes(lifted @ theta, targets) / len(lifted))

    def _objective(self, lifted: Array, targets: Array, penalty: float, theta: Array) -> float:
        losses = self.losses(lifted @ theta, targets)
        return float(losses.mean() + 0.5 * penalty * theta @ theta)


def predict(points: Array, theta: Array) -> NDArray[np.int64]:
    """Classes 0 and 1, (n,)."""
    return (add_intercept(points) @ theta > 0).astype(np.int64)


def add_intercept(points: Array) -> Array:
    """``points`` with a last coordinate of one, (n, d + 1)."""
    return np.column_stack([points, np.ones(len(points))])
