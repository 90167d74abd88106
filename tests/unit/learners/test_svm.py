"""The linear SVM against scikit-learn and CVXPY, and its derivatives against finite differences."""

from __future__ import annotations

import cvxpy
import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.svm import LinearSVC

from advlearn.learners.linear import add_intercept, predict
from advlearn.learners.svm import SVM
from advlearn.support.errors import UserError


def drawn(seed: int, n: int = 60, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    points = generator.standard_normal((n, d))
    targets = (points @ generator.standard_normal(d) + generator.standard_normal(n) > 0.3) * 1.0
    return points, targets


@pytest.mark.parametrize("penalty", [1e-3, 0.01, 1.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_minimum_is_that_of_scikit_learn(seed: int, penalty: float) -> None:
    points, targets = drawn(seed)
    peer = LinearSVC(
        C=1 / (penalty * len(points)), fit_intercept=False, dual=False, tol=1e-12, max_iter=100_000
    ).fit(add_intercept(points), targets)
    found = SVM.fit(points, targets, penalty)
    np.testing.assert_allclose(found, peer.coef_[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(predict(points, found), peer.predict(add_intercept(points)))


@pytest.mark.parametrize("n", [8, 40])
def test_the_minimum_is_that_of_cvxpy(n: int) -> None:
    points, targets = drawn(3, n=n, d=10)
    theta = cvxpy.Variable(11)
    short = cvxpy.pos(1 - cvxpy.multiply(2 * targets - 1, add_intercept(points) @ theta))
    objective = cvxpy.sum_squares(short) / n + 0.025 * cvxpy.sum_squares(theta)
    cvxpy.Problem(cvxpy.Minimize(objective)).solve(solver=cvxpy.CLARABEL)
    expected = np.asarray(theta.value, dtype=float)
    np.testing.assert_allclose(SVM.fit(points, targets, 0.05), expected, atol=1e-5)


@pytest.mark.parametrize("penalty", [1e-6, 0.01, 100.0])
def test_the_gradient_is_zero_at_the_minimum(penalty: float) -> None:
    points, targets = drawn(2)
    theta = SVM.fit(points, targets, penalty)
    gradient = SVM.loss_gradient(points, targets, theta) + penalty * theta
    assert np.abs(gradient).max() < 1e-11


def test_derivatives_are_those_of_finite_differences() -> None:
    points, targets = drawn(3)
    theta = np.random.default_rng(0).standard_normal(4)
    np.testing.assert_allclose(
        SVM.loss_gradient(points, targets, theta),
        approx_fprime(theta, lambda at: SVM.loss(points, targets, at), 1e-7),
        atol=1e-5,
    )
    rows = [
        approx_fprime(theta, lambda at, i=i: SVM.loss_gradient(points, targets, at)[i], 1e-8)
        for i in range(4)
    ]
    expected = np.array(rows) + 0.3 * np.eye(4)
    np.testing.assert_allclose(SVM.hessian(points, targets, 0.3, theta), expected, atol=1e-5)


@pytest.mark.parametrize("n", [1, 3, 20, 41, 60])
def test_the_smaller_system_has_the_same_solution(n: int) -> None:
    points, targets = drawn(5, n=n, d=40)
    theta, slope = np.random.default_rng(n).standard_normal((2, 41))
    found = SVM.newton_direction(points, targets, 0.01, theta, slope)
    expected = np.linalg.solve(SVM.hessian(points, targets, 0.01, theta), slope)
    np.testing.assert_allclose(found, expected, atol=1e-7 * np.abs(expected).max())


def test_points_of_a_large_margin_do_not_matter() -> None:
    points, targets = drawn(7)
    theta = SVM.fit(points, targets, 0.01)
    margin = (2 * targets - 1) * (add_intercept(points) @ theta)
    assert (margin > 1.1).any()
    moved = points.copy()
    moved[margin > 1.1] *= 1.05  # further from the border, on the right side of it
    still = (2 * targets - 1) * (add_intercept(moved) @ theta)
    assert (still[margin > 1.1] > 1).all()
    np.testing.assert_allclose(SVM.fit(moved, targets, 0.01), theta, atol=1e-10)


def test_one_class_and_separable_data_have_a_minimum() -> None:
    points = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    for chosen, targets in ((points, np.array([0.0, 0.0, 1.0, 1.0])), (points, np.ones(4))):
        theta = SVM.fit(chosen, targets, 1e-3)
        np.testing.assert_array_equal(predict(chosen, theta), targets)


def test_what_defines_no_problem_is_refused() -> None:
    with pytest.raises(UserError, match="a linear SVM needs finite points"):
        SVM.fit(np.array([[1.0]]), np.array([2.0]), 0.1)
    with pytest.raises(UserError, match="penalty of a linear SVM"):
        SVM.fit(np.array([[1.0]]), np.array([1.0]), 0.0)
