"""The bracket of the smallest change, on a learner whose smallest change is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from advlearn.attacks.clustering.bracket import smallest_change
from advlearn.budgets.points import PerPoint
from advlearn.deviations.partitions import delta
from advlearn.problem import BilevelProblem

FIRST_CHANGE = 0.37


class Rightwards:
    """Moves the first point to the right, as far as the radius allows."""

    def candidates(
        self, problem: BilevelProblem[Any], tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        move = np.zeros_like(problem.data)
        move[0, 0] = tau
        yield move


def right_of_the_line(points: np.ndarray) -> np.ndarray:
    return (points[:, 0] >= FIRST_CHANGE).astype(np.int64)


@pytest.fixture
def problem() -> BilevelProblem[np.ndarray]:
    points = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    return BilevelProblem(points, PerPoint(2.0), delta, right_of_the_line)


@pytest.mark.parametrize("certified", [0.0, 0.2, 0.36])
def test_the_ends_close_in_on_the_first_change(
    problem: BilevelProblem[np.ndarray], certified: float
) -> None:
    found = smallest_change(
        problem, Rightwards(), certified, 2.0, rounds=40, tolerance=0.01, seed=0
    )
    assert found.changed is not None
    assert found.unchanged < FIRST_CHANGE <= found.changed
    assert found.changed <= 1.01 * max(found.unchanged, certified)
    assert found.perturbation is not None
    assert problem.budget.size(found.perturbation) == found.changed
    assert problem.effect(found.perturbation) > 0


def test_no_change_up_to_the_largest_radius(problem: BilevelProblem[np.ndarray]) -> None:
    found = smallest_change(problem, Rightwards(), 0.1, 0.3, rounds=40, tolerance=0.01, seed=0)
    assert found == (None, 0.3, None)
