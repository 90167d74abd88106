"""The regression against scikit-learn, and its derivatives against finite differences."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression

from advlearn.learners import linear
from advlearn.learners.logistic import LOGISTIC
from advlearn.support.errors import UserError


def drawn(seed: int, n: int = 60, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    points = generator.standard_normal((n, d))
    targets = (points @ generator.standard_normal(d) + generator.standard_normal(n) > 0.3) * 1.0
    return points, targets


@pytest.mark.parametrize("penalty", [1e-4, 0.01, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_minimum_is_that_of_scikit_learn(seed: int, penalty: float) -> None:
    points, targets = drawn(seed)
    peer = LogisticRegression(
        C=1 / (penalty * len(points)), fit_intercept=False, solver="lbfgs", tol=1e-10, max_iter=5000
    ).fit(linear.add_intercept(points), targets)
    found = LOGISTIC.fit(points, targets, penalty)
    np.testing.assert_allclose(found, peer.coef_[0], rtol=1e-5, atol=1e-6)
    classes = linear.predict(points, found)
    np.testing.assert_array_equal(classes, peer.predict(linear.add_intercept(points)))


@pytest.mark.parametrize("penalty", [1e-6, 0.01, 100.0])
def test_the_gradient_is_zero_at_the_minimum(penalty: float) -> None:
    points, targets = drawn(2)
    theta = LOGISTIC.fit(points, targets, penalty)
    gradient = LOGISTIC.loss_gradient(points, targets, theta) + penalty * theta
    assert np.abs(gradient).max() < 1e-12


def test_separable_data_one_class_and_one_point_have_a_minimum() -> None:
    points = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    for chosen, targets in (
        (points, np.array([0.0, 0.0, 1.0, 1.0])),
        (points, np.ones(4)),
        (1e4 * points, np.array([0.0, 0.0, 1.0, 1.0])),
        (points[:1], np.ones(1)),
    ):
        theta = LOGISTIC.fit(chosen, targets, 1e-3)
        gradient = LOGISTIC.loss_gradient(chosen, targets, theta) + 1e-3 * theta
        assert np.abs(gradient).max() < 1e-8
        np.testing.assert_array_equal(linear.predict(chosen, theta), targets)


def test_derivatives_are_those_of_finite_differences() -> None:
    points, targets = drawn(3)
    theta = np.random.default_rng(0).standard_normal(4)

    def value(at: np.ndarray) -> float:
        return LOGISTIC.loss(points, targets, at)

    np.testing.assert_allclose(
        LOGISTIC.loss_gradient(points, targets, theta),
        approx_fprime(theta, value, 1e-7),
        atol=1e-6,
    )
    rows = [
        approx_fprime(theta, lambda at, i=i: LOGISTIC.loss_gradient(points, targets, at)[i], 1e-7)
        for i in range(4)
    ]
    expected = np.array(rows) + 0.3 * np.eye(4)
    np.testing.assert_allclose(LOGISTIC.hessian(points, targets, 0.3, theta), expected, atol=1e-6)


@pytest.mark.parametrize("penalty", [1e-6, 0.01, 1.0])
@pytest.mark.parametrize("n", [1, 3, 4, 20, 39, 40, 41, 42, 60])
def test_the_smaller_system_has_the_same_solution(n: int, penalty: float) -> None:
    points, targets = drawn(5, n=n, d=40)
    theta, slope = np.random.default_rng(n).standard_normal((2, 41))
    found = LOGISTIC.newton_direction(points, targets, penalty, theta, slope)
    expected = np.linalg.solve(LOGISTIC.hessian(points, targets, penalty, theta), slope)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7 * np.abs(expected).max())
    minimum = LOGISTIC.fit(points, targets, penalty)
    gradient = LOGISTIC.loss_gradient(points, targets, minimum) + penalty * minimum
    assert np.abs(gradient).max() < 1e-11


def test_wide_points_cost_what_their_number_does() -> None:
    points, targets = drawn(6, n=40, d=20_000)
    tracemalloc.start()
    LOGISTIC.fit(points, targets, 0.01)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The second derivative alone has 3.2 GB.
    assert peak < 10 * points.nbytes


@pytest.mark.parametrize(
    ("points", "targets", "penalty"),
    [
        (np.array([[math.nan]]), np.array([1.0]), 0.1),
        (np.array([[1.0]]), np.array([2.0]), 0.1),
        (np.array([[1.0]]), np.array([1.0, 0.0]), 0.1),
        (np.zeros((0, 2)), np.zeros(0), 0.1),
        (np.ones(3), np.ones(3), 0.1),
        (np.array([[1.0]]), np.array([1.0]), 0.0),
        (np.array([[1.0]]), np.array([1.0]), math.inf),
    ],
)
def test_what_defines_no_problem_is_refused(
    points: np.ndarray, targets: np.ndarray, penalty: float
) -> None:
    with pytest.raises(UserError):
        LOGISTIC.fit(points, targets, penalty)
