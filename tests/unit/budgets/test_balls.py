from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from advlearn.budgets import Box, Budget, L2Ball, LinfBall, build
from advlearn.support.errors import BudgetViolation, UserError

BALLS = (LinfBall, L2Ball)


def images(seed: int, n: int = 6, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((n, 1, 5, 5), generator=generator, dtype=dtype)


@pytest.mark.parametrize("ball", BALLS)
@given(epsilon=st.floats(0, 3), spread=st.floats(0, 5), seed=st.integers(0, 1000))
@settings(max_examples=60)
def test_projection_is_inside_and_projecting_again_changes_nothing(
    ball: type[Budget], epsilon: float, spread: float, seed: int
) -> None:
    budget, clean = ball(epsilon), images(seed)
    candidate = clean + spread * (images(seed + 1) - 0.5)
    once = budget.project(clean, candidate)
    budget.check(clean, once)
    torch.testing.assert_close(budget.project(clean, once), once, rtol=0, atol=1e-6)


@pytest.mark.parametrize("ball", BALLS)
@given(epsilon=st.floats(0.01, 2), seed=st.integers(0, 1000))
@settings(max_examples=40)
def test_what_is_inside_stays_where_it_is(ball: type[Budget], epsilon: float, seed: int) -> None:
    budget, clean = ball(epsilon), images(seed)
    inside = clean + (0.9 * epsilon / 5) * (2 * images(seed + 1) - 1)
    inside = inside.clamp(0, 1)
    torch.testing.assert_close(budget.project(clean, inside), inside, rtol=0, atol=1e-6)


@pytest.mark.parametrize("ball", BALLS)
@given(epsilon=st.floats(0, 2), seed=st.integers(0, 1000))
@settings(max_examples=40)
def test_random_starts_are_inside(ball: type[Budget], epsilon: float, seed: int) -> None:
    budget, clean = ball(epsilon), images(seed)
    start = budget.random_start(clean, torch.Generator().manual_seed(seed))
    budget.check(clean, start)
    again = budget.random_start(clean, torch.Generator().manual_seed(seed))
    assert torch.equal(start, again)


def test_random_starts_fill_the_ball() -> None:
    clean = torch.zeros(4000, 1, 1, 2)
    box = Box(-5, 5)
    for budget in (LinfBall(2.0, box), L2Ball(2.0, box)):
        start = budget.random_start(clean, torch.Generator().manual_seed(0))
        radius = budget.distance(clean, start)
        # In two dimensions the share of the volume within half the radius is a quarter.
        assert abs(float((radius < 1.0).double().mean()) - 0.25) < 0.03
        assert float(start.mean(0).abs().max()) < 0.1
        assert float(radius.max()) > 1.95


@pytest.mark.parametrize("ball", BALLS)
@given(epsilon=st.floats(0, 2), seed=st.integers(0, 1000))
@settings(max_examples=40)
def test_random_borders_are_inside_and_as_far_out_as_the_box_lets(
    ball: type[Budget], epsilon: float, seed: int
) -> None:
    clean = images(seed)
    for budget in (ball(epsilon), ball(epsilon, Box(-9, 9))):
        start = budget.random_border(clean, torch.Generator().manual_seed(seed))
        budget.check(clean, start)
    far = budget.distance(clean, start)
    torch.testing.assert_close(far, torch.full_like(far, epsilon), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ball", BALLS)
@given(seed=st.integers(0, 1000))
@settings(max_examples=40)
def test_maximiser_has_norm_one_and_attains_the_dual_norm(ball: type[Budget], seed: int) -> None:
    gradient = images(seed, dtype=torch.float64) - 0.5
    budget = ball(1.0)
    direction = budget.maximiser(gradient.clone())
    product = (direction * gradient).flatten(1).sum(1)
    order = 1 if ball is LinfBall else 2
    dual = gradient.flatten(1).norm(p=order, dim=1)
    torch.testing.assert_close(product, dual)
    torch.testing.assert_close(
        budget.distance(torch.zeros_like(gradient), direction), torch.ones(6, dtype=torch.float64)
    )


@pytest.mark.parametrize("ball", BALLS)
def test_maximiser_of_zero_is_zero(ball: type[Budget]) -> None:
    assert torch.equal(ball(1.0).maximiser(torch.zeros(2, 1, 3, 3)), torch.zeros(2, 1, 3, 3))


def test_distances() -> None:
    clean, moved = torch.zeros(2, 1, 2, 2), torch.zeros(2, 1, 2, 2)
    moved[1, 0, 0] = torch.tensor([0.3, -0.4])
    assert LinfBall(1).distance(clean, moved).tolist() == pytest.approx([0.0, 0.4])
    assert L2Ball(1).distance(clean, moved).tolist() == pytest.approx([0.0, 0.5])


@pytest.mark.parametrize("ball", BALLS)
def test_outside_the_ball_names_the_worst_image(ball: type[Budget]) -> None:
    clean = torch.full((4, 1, 3, 3), 0.5)
    moved = clean.clone()
    moved[1, 0, 0, 0] += 0.11
    moved[2, 0, 1, 1] -= 0.2
    with pytest.raises(
        BudgetViolation, match=r"image 2 .* distance 0\.2 .* bound is 0\.1 "
    ) as info:
        ball(0.1).check(clean, moved)
    assert "2 of 4" in str(info.value)
    ball(0.1).check(clean, moved, tolerance=0.11)


@pytest.mark.parametrize("ball", BALLS)
def test_outside_the_box(ball: type[Budget]) -> None:
    clean = torch.full((3, 1, 3, 3), 0.95)
    moved = clean.clone()
    moved[1, 0, 0, 0] = 1.01
    with pytest.raises(
        BudgetViolation, match=r"image 1 has pixels in .*1\.01\], the box is \[0, 1\]"
    ):
        ball(0.3).check(clean, moved)


@pytest.mark.parametrize("ball", BALLS)
def test_nan_and_another_shape_are_violations(ball: type[Budget]) -> None:
    clean = images(0)
    moved = clean.clone()
    moved[3, 0, 0, 0] = math.nan
    with pytest.raises(BudgetViolation, match="image 3"):
        ball(0.3).check(clean, moved)
    with pytest.raises(BudgetViolation, match="shape"):
        ball(0.3).check(clean, moved[:2])


@pytest.mark.parametrize("ball", BALLS)
def test_tolerance_is_that_of_rounding(ball: type[Budget]) -> None:
    clean = torch.full((1, 1, 28, 28), 0.5)
    rounding = ball(0.1).rounding(clean)
    assert 0 < rounding < 2e-5
    assert ball(0.1).rounding(clean.double()) < 1e-12
    moved = clean.clone()
    moved[0, 0, 0, 0] += 0.1 + 2 * rounding
    with pytest.raises(BudgetViolation):
        ball(0.1).check(clean, moved)


@pytest.mark.parametrize("epsilon", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize("ball", BALLS)
def test_bad_radius(ball: type[Budget], epsilon: float) -> None:
    with pytest.raises(UserError, match="radius") as caught:
        ball(epsilon)
    assert str(epsilon) in caught.value.where


def test_bad_box_and_unknown_norm() -> None:
    with pytest.raises(UserError, match="box"):
        Box(1.0, 0.0)
    with pytest.raises(UserError, match="unknown norm 'l1'") as caught:
        build("l1", 0.1)
    assert "l2, linf" in caught.value.remedy
    assert build("l2", 0.5) == L2Ball(0.5, Box(0.0, 1.0))
