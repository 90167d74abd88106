"""Budgets for point sets: nested, nearest projections against CVXPY and brute force."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import cvxpy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from advlearn.budgets.points import (
    Array,
    FewLabels,
    FewPoints,
    Frobenius,
    LInf,
    PerPoint,
    PointBudget,
    SinglePoint,
)
from advlearn.support.errors import BudgetViolation, UserError

KINDS: list[PointBudget] = [
    PerPoint(0.7),
    Frobenius(0.7),
    SinglePoint(0.7, 2),
    LInf(0.7),
    FewPoints(0.7, 2),
]
kinds = pytest.mark.parametrize("budget", KINDS, ids=lambda b: type(b).__name__)
matrices = arrays(np.float64, (4, 3), elements=st.floats(-5, 5, allow_subnormal=False))


def cvxpy_projection(budget: PointBudget, target: Array) -> Array:
    """Nearest point by a conic solver; of the set that is not convex, over all choices of rows."""
    best, nearest = math.inf, target
    n = len(target)
    choices = itertools.combinations(range(n), budget.count) if isinstance(
        budget, FewPoints
    ) else [(budget.index,)] if isinstance(budget, SinglePoint) else [tuple(range(n))]  # fmt: skip
    for rows in choices:
        moved = cvxpy.Variable(target.shape)
        zero = [moved[i] == 0 for i in range(n) if i not in rows]
        if isinstance(budget, Frobenius):
            inside = [cvxpy.norm(moved, "fro") <= budget.epsilon]
        elif isinstance(budget, LInf):
            inside = [cvxpy.abs(moved) <= budget.epsilon]
        else:
            inside = [cvxpy.norm(moved[i], 2) <= budget.epsilon for i in rows]
        problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(moved - target)), inside + zero)
        problem.solve(solver=cvxpy.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
        if problem.value < best:
            best, nearest = problem.value, np.asarray(moved.value)
    return nearest


@kinds
@pytest.mark.parametrize("scale", [0.2, 3.0])
def test_the_projection_is_the_nearest_point(budget: PointBudget, scale: float) -> None:
    target = scale * np.random.default_rng(3).standard_normal((4, 3))
    np.testing.assert_allclose(budget.project(target), cvxpy_projection(budget, target), atol=1e-5)


def test_flips_are_projected_to_the_nearest_flips() -> None:
    generator = np.random.default_rng(0)
    vertices = np.array(list(itertools.product((0.0, 1.0), repeat=5)))
    for _ in range(200):
        target, epsilon = generator.normal(0.4, 0.7, 5), generator.integers(0, 6)
        allowed = vertices[vertices.sum(1) <= epsilon]
        distances = ((allowed - target) ** 2).sum(1)
        found = FewLabels(float(epsilon)).project(target)
        np.testing.assert_array_equal(found, allowed[distances.argmin()])


@kinds
@given(target=matrices)
def test_projections_stay_inside_and_leave_what_is_inside(
    budget: PointBudget, target: Array
) -> None:
    found = budget.project(target)
    budget.check(found)
    if budget.size(target) <= budget.epsilon:
        np.testing.assert_array_equal(found, target)
    np.testing.assert_allclose(budget.project(found), found, rtol=1e-12)
    assert found is not target


@kinds
@given(target=matrices, small=st.floats(0, 2), large=st.floats(0, 2))
def test_the_sets_of_one_kind_are_nested(
    budget: PointBudget, target: Array, small: float, large: float
) -> None:
    small, large = sorted((small, large))
    inner, outer = budget.scaled(small), budget.scaled(large)
    assert type(inner) is type(budget)
    assert inner.size(target) == outer.size(target), "size must not depend on the radius"
    assert outer.contains(inner.project(target))
    if inner.contains(target, 0.0):
        assert outer.contains(target, 0.0)


@kinds
def test_the_maximiser_beats_every_other_perturbation_of_size_one(budget: PointBudget) -> None:
    generator = np.random.default_rng(1)
    gradient = generator.standard_normal((4, 3))
    unit = budget.scaled(1.0)
    best = budget.maximiser(gradient)
    assert unit.contains(best)
    others = [unit.project(10 * generator.standard_normal((4, 3))) for _ in range(300)]
    assert all((other * gradient).sum() <= (best * gradient).sum() + 1e-12 for other in others)
    # The support function of each set in closed form.
    rows = np.linalg.norm(gradient, axis=1)
    expected = {
        "PerPoint": rows.sum(),
        "Frobenius": np.linalg.norm(gradient),
        "SinglePoint": rows[2],
        "LInf": np.abs(gradient).sum(),
        "FewPoints": np.sort(rows)[-2:].sum(),
    }[type(budget).__name__]
    assert (best * gradient).sum() == pytest.approx(expected, rel=1e-12)


@kinds
def test_random_perturbations_are_on_the_boundary_and_repeat(budget: PointBudget) -> None:
    drawn = [budget.random((6, 3), np.random.default_rng(seed)) for seed in (4, 4, 5)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    for perturbation in drawn:
        assert budget.size(perturbation) == pytest.approx(budget.epsilon, rel=1e-12)
        assert budget.contains(perturbation)


@kinds
def test_radius_zero_holds_no_perturbation_but_zero(budget: PointBudget) -> None:
    none = budget.scaled(0.0)
    target = np.random.default_rng(0).standard_normal((4, 3))
    assert not none.contains(target)
    np.testing.assert_array_equal(none.project(target), np.zeros((4, 3)))
    np.testing.assert_array_equal(none.random((4, 3), np.random.default_rng(0)), np.zeros((4, 3)))
    assert none.contains(np.zeros((4, 3)))


@kinds
def test_nan_is_never_inside(budget: PointBudget) -> None:
    target = np.zeros((4, 3))
    target[2, 1] = np.nan
    assert not budget.contains(target)
    with pytest.raises(BudgetViolation, match="nan"):
        budget.check(target)


@kinds
@pytest.mark.parametrize("epsilon", [-0.1, math.nan, math.inf])
def test_a_radius_must_be_finite_and_not_negative(budget: PointBudget, epsilon: float) -> None:
    with pytest.raises(UserError, match="radius"):
        budget.scaled(epsilon)


def test_points_that_may_not_move_make_the_size_infinite() -> None:
    moved = np.zeros((4, 2))
    moved[1] = 1e-9
    assert SinglePoint(1.0, 2).size(moved) == math.inf
    assert SinglePoint(1.0, 1).size(moved) == pytest.approx(math.sqrt(2) * 1e-9)
    moved[2] = moved[3] = 0.1
    assert FewPoints(1.0, 2).size(moved) == math.inf
    assert FewPoints(1.0, 3).size(moved) < 1
    assert FewLabels(4).size(np.array([1.0, 0.5])) == math.inf
    assert FewLabels(4).size(np.array([1.0, 1.0, 0.0])) == 2


def test_tolerance_is_an_absolute_excess() -> None:
    moved = np.array([[1.05, 0.0]])
    assert PerPoint(1.0).contains(moved, 0.051)
    assert not PerPoint(1.0).contains(moved, 0.049)
    assert not PerPoint(1.0).contains(np.array([[1.0 + 1e-12, 0.0]]))


def test_wrong_numbers_of_points_are_errors() -> None:
    with pytest.raises(UserError, match="at least one point"):
        FewPoints(1.0, 0)
    with pytest.raises(UserError, match=">= 0"):
        SinglePoint(1.0, -1)
    with pytest.raises(UserError, match="does not exist"):
        SinglePoint(1.0, 3).project(np.zeros((3, 2)))
    assert FewPoints(1.0, 9).random((3, 2), np.random.default_rng(0)).any(axis=1).all()
    assert FewLabels(9).random((3,), np.random.default_rng(0)).sum() == 3


@pytest.mark.parametrize("budget", [*KINDS[:2], *KINDS[3:]], ids=lambda b: type(b).__name__)
def test_no_points_and_one_point(budget: PointBudget) -> None:
    none = np.zeros((0, 3))
    assert budget.size(none) == 0
    assert budget.project(none).shape == (0, 3)
    alone = budget.random((1, 3), np.random.default_rng(0))
    assert budget.size(alone) == pytest.approx(0.7)


def test_no_torch_is_needed() -> None:
    code = (
        "import advlearn.budgets.points, advlearn.problem, sys; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
