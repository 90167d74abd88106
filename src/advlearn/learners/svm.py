"""Linear support vector machine with squared hinge: l(z, y) = max(0, 1 - (2 y - 1) z)^2.

L is a quadratic function of theta between the borders at which a margin (2 y - 1) z is exactly 1,
and its gradient has no jump there: Newton's steps end at the minimum after a few. theta follows X
without a jump and has a derivative wherever no margin is exactly 1; points of a larger margin do
not enter it. With the hinge itself, not squared, theta would not move for most perturbations.
"""

from __future__ import annotations

import numpy as np

from advlearn.learners.linear import Array, LinearLearner


def _missing(scores: Array, targets: Array) -> Array:
    """By how much each margin falls short of 1, (n,), 0 where it does not."""
    return np.maximum(0.0, 1 - (2 * targets - 1) * scores)


def _losses(scores: Array, targets: Array) -> Array:
    return np.square(_missing(scores, targets))


def _slopes(scores: Array, targets: Array) -> Array:
    return np.asarray(-2 * (2 * targets - 1) * _missing(scores, targets))


def _curvatures(scores: Array, targets: Array) -> Array:
    return np.where(_missing(scores, targets) > 0, 2.0, 0.0)


SVM = LinearLearner("a linear SVM", _losses, _slopes, _curvatures)
