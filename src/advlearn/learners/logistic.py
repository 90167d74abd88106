"""Logistic regression: l(z, y) = log(1 + exp(z)) - y z, in nats; theta is smooth in X and y."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from advlearn.learners.linear import Array, LinearLearner


def _losses(scores: Array, targets: Array) -> Array:
    return np.asarray(np.logaddexp(0.0, scores) - targets * scores)


def _slopes(scores: Array, targets: Array) -> Array:
    return np.asarray(expit(scores) - targets)


def _curvatures(scores: Array, targets: Array) -> Array:
    share = expit(scores)
    return np.asarray(share * (1 - share))


LOGISTIC = LinearLearner("logistic regression", _losses, _slopes, _curvatures)
