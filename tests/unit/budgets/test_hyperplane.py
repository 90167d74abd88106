"""Steps to a hyperplane inside a box: convex programs, a search, and what they must keep."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from advlearn.budgets import Box
from advlearn.budgets.hyperplane import step_to_hyperplane
from advlearn.support.errors import UserError

NORMS = ("linf", "l2")


def drawn(seed: int, n: int, d: int, values: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Points in [0, 1], some of them at walls; normals, some of them 0; values of both signs."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand((n, d), generator=generator, dtype=torch.float64)
    points = (1.4 * points - 0.2).clamp_(0, 1)
    normals = torch.randn((n, d), generator=generator, dtype=torch.float64)
    normals[torch.rand((n, d), generator=generator) < 0.2] = 0
    return points, normals, values * torch.randn(n, generator=generator, dtype=torch.float64)


def length(step: Tensor, norm: str) -> Tensor:
    return step.abs().amax(1) if norm == "linf" else step.square().sum(1).sqrt()


def reach(points: Tensor, normals: Tensor, values: Tensor) -> Tensor:
    """By how much the function can come nearer to 0 inside the box."""
    way = -normals.sign() * values.sign()[:, None]
    return (normals.abs() * torch.where(way > 0, 1 - points, points)).sum(1)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("d", [1, 2, 7])
def test_a_step_is_as_short_as_that_of_a_convex_program(norm: str, d: int) -> None:
    points, normals, values = drawn(d, 12, d)
    steps = step_to_hyperplane(points, normals, values, norm)
    there = reach(points, normals, values) > values.abs()
    assert there.any()
    for i in there.nonzero().squeeze(1).tolist():
        step = cp.Variable(d)
        moved = points[i].numpy() + step
        on_plane = float(values[i]) + normals[i].numpy() @ step == 0
        size = cp.norm(step, "inf" if norm == "linf" else 2)
        best = cp.Problem(cp.Minimize(size), [on_plane, moved >= 0, moved <= 1]).solve(
            solver=cp.CLARABEL
        )
        assert float(length(steps[[i]], norm)) == pytest.approx(float(best), abs=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_no_point_of_the_plane_on_a_fine_grid_is_nearer(norm: str) -> None:
    points, normals, values = drawn(3, 30, 2, values=0.4)
    steps = step_to_hyperplane(points, normals, values, norm)
    grid = torch.linspace(0, 1, 20_001, dtype=torch.float64)
    for i in range(30):
        if reach(points, normals, values)[i] <= values[i].abs() or normals[i, 1] == 0:
            continue
        rest = values[i] + normals[i, 0] * (grid - points[i, 0])
        other = points[i, 1] - rest / normals[i, 1]
        inside = (other >= 0) & (other <= 1)
        shift = torch.stack([grid, other], 1)[inside] - points[i]
        nearest = float(length(shift, norm).min())
        assert float(length(steps[[i]], norm)) <= nearest + 1e-9
        # The grid is coarser than the plane by its spacing, steeper where the plane is steep.
        slack = 1e-4 * (1 + abs(float(normals[i, 0] / normals[i, 1])))
        assert nearest <= float(length(steps[[i]], norm)) + slack


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31),
    st.integers(1, 40),
    st.sampled_from(NORMS),
    st.sampled_from([torch.float32, torch.float64]),
    st.sampled_from([1e-30, 1e-3, 1.0, 1e4]),
)
def test_steps_lead_to_the_plane_or_to_its_nearest_corner(
    seed: int, d: int, norm: str, dtype: torch.dtype, scale: float
) -> None:
    points, normals, values = (each.to(dtype) for each in drawn(seed, 8, d))
    normals, values = normals * scale, values * scale
    step = step_to_hyperplane(points, normals, values, norm)
    assert step.dtype == dtype
    moved = points + step
    edge = torch.finfo(dtype).eps
    assert float(moved.min()) >= -edge
    assert float(moved.max()) <= 1 + edge
    assert not step[normals == 0].any()
    double = normals.double()
    left = values.double() + (double * step.double()).sum(1)
    short = (values.double().abs() - reach(points.double(), double, values.double())).clamp(min=0)
    tolerance = 8 * edge * (double.abs().sum(1) + values.double().abs())
    assert bool(((left.abs() - short).abs() <= tolerance).all())
    # It never crosses.
    assert bool((left * values.double() >= -tolerance * values.double().abs()).all())


@pytest.mark.parametrize("norm", NORMS)
def test_where_nothing_is_to_be_done_nothing_is(norm: str) -> None:
    points = torch.rand((3, 1, 2, 2))
    normals, values = torch.ones_like(points), torch.tensor([0.0, 1.0, -9.0])
    normals[1] = 0
    step = step_to_hyperplane(points, normals, values, norm)
    assert not step[:2].any()
    torch.testing.assert_close(points[2] + step[2], torch.ones_like(points[2]))
    assert step_to_hyperplane(points[:0], normals[:0], values[:0], norm).shape == (0, 1, 2, 2)


def test_another_box_and_norms_that_are_none() -> None:
    points, normals = torch.zeros((1, 2)), torch.tensor([[1.0, 2.0]])
    step = step_to_hyperplane(points, normals, torch.tensor([6.0]), "linf", Box(-3.0, 3.0))
    np.testing.assert_allclose(step, [[-2.0, -2.0]])
    step = step_to_hyperplane(points, normals, torch.tensor([5.0]), "l2", Box(-3.0, 3.0))
    np.testing.assert_allclose(step, [[-1.0, -2.0]])
    with pytest.raises(UserError, match="norm"):
        step_to_hyperplane(points, normals, torch.ones(1), "l1")
