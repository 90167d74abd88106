"""Logistic regression of two classes with a quadratic penalty: a lower level that can be derived.

For points x_i (n, d) with a last coordinate of one appended, targets y_i in {0, 1} and a penalty
lambda > 0, theta minimises

    L(theta; X, y) = 1/n sum_i [log(1 + exp(z_i)) - y_i z_i] + lambda / 2 ||theta||^2,  z = X theta.

The intercept is penalised like all other weights, so that L is strongly convex and has one minimum
whatever the data are (separable, or all of one class), and theta is a smooth function of X and y.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from advlearn.support.errors import UserError

Array = NDArray[np.float64]

LARGEST = 1e100
"""Largest coordinate: sums of products of two must stay far below overflow."""
SCALE = "scale each feature, for example to mean 0 and standard deviation 1"

# Newton's steps are quadratic from the first that is accepted whole; a hundred is never needed.
_MOST_STEPS = 100
_ENOUGH_DECREASE = 1e-4


def check(points: Array, targets: Array, penalty: float) -> None:
    """Check that there is a lower-level problem.

    Raises:
        UserError: points that are no finite matrix or above `LARGEST`, targets other than 0 and 1
            or of another length, no points, or a penalty that is not above 0 and finite.
    """
    finite = points.ndim == 2 and len(points) > 0 and bool(np.isfinite(points).all())
    if not finite or targets.shape != points.shape[:1] or not np.isin(targets, (0, 1)).all():
        raise UserError(
            "logistic regression needs finite points (n, d) and a target 0 or 1 for each",
            where=f"points of shape {points.shape}, targets of shape {targets.shape}",
            remedy="remove rows with NaN, and code the two classes as 0 and 1",
        )
    if not (np.isfinite(penalty) and penalty > 0):
        raise UserError(
            "the penalty of a logistic regression must be above 0",
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


def fit(points: Array, targets: Array, penalty: float) -> Array:
    """Theta (d + 1,), the intercept last, by damped Newton steps to rounding.

    Args:
        points: (n, d) finite.
        targets: (n,) of 0 and 1.
        penalty: lambda > 0.

    Raises:
        UserError: see :func:`check`.
    """
    check(points, targets, penalty)
    lifted = add_intercept(points)
    theta = np.zeros(lifted.shape[1])
    value = _objective(lifted, targets, penalty, theta)
    for _ in range(_MOST_STEPS):
        gradient = lifted.T @ (expit(lifted @ theta) - targets) / len(lifted) + penalty * theta
        step = -newton_direction(points, penalty, theta, gradient)
        slope = float(gradient @ step)
        # Half the slope estimates what is left to gain: below rounding, the value cannot tell.
        if -slope <= 4 * np.finfo(float).eps * max(1.0, abs(value)):
            return np.asarray(theta + step)
        length = 1.0
        while True:
            trial = theta + length * step
            ahead = _objective(lifted, targets, penalty, trial)
            if ahead <= value + _ENOUGH_DECREASE * length * slope or length < 1e-10:
                break
            length *= 0.5
        theta, value = trial, ahead
    return theta


def hessian(points: Array, penalty: float, theta: Array) -> Array:
    """Second derivative of L by theta, (d + 1, d + 1), positive definite; targets do not enter."""
    lifted = add_intercept(points)
    share = expit(lifted @ theta)
    curvature: Array = (lifted * (share * (1 - share))[:, None]).T @ lifted / len(lifted)
    return curvature + penalty * np.eye(len(curvature))


def newton_direction(points: Array, penalty: float, theta: Array, slope: Array) -> Array:
    """H^-1 ``slope`` (d + 1,) with H the second derivative of L at ``theta``.

    The system solved is that of the smaller side: H, or, where there are fewer points than weights,
    the (n, n) one of H = B'B + lambda I by the identity of Sherman, Morrison and Woodbury.
    """
    n, d = points.shape
    if n > d:
        return np.asarray(cho_solve(cho_factor(hessian(points, penalty, theta)), slope))
    lifted = add_intercept(points)
    share = expit(lifted @ theta)
    lifted *= np.sqrt(share * (1 - share) / n)[:, None]
    products = lifted @ lifted.T
    products[np.diag_indices(n)] += penalty
    inner = cho_solve(cho_factor(products), lifted @ slope)
    return np.asarray((slope - lifted.T @ inner) / penalty)


def log_loss(points: Array, targets: Array, theta: Array) -> float:
    """Mean of log(1 + exp(z)) - y z, in nats, without the penalty."""
    return _objective(add_intercept(points), targets, 0.0, theta)


def log_loss_gradient(points: Array, targets: Array, theta: Array) -> Array:
    """Derivative of :func:`log_loss` by theta, (d + 1,)."""
    lifted = add_intercept(points)
    return np.asarray(lifted.T @ (expit(lifted @ theta) - targets) / len(lifted))


def predict(points: Array, theta: Array) -> NDArray[np.int64]:
    """Classes 0 and 1, (n,)."""
    return (add_intercept(points) @ theta > 0).astype(np.int64)


def add_intercept(points: Array) -> Array:
    """``points`` with a last coordinate of one, (n, d + 1)."""
    return np.column_stack([points, np.ones(len(points))])


def _objective(lifted: Array, targets: Array, penalty: float, theta: Array) -> float:
    scores = lifted @ theta
    loss = np.logaddexp(0.0, scores) - targets * scores
    return float(loss.mean() + 0.5 * penalty * theta @ theta)
