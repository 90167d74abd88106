"""Answers that are not finite, of a user's own learners and deviations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from advlearn.attacks.clustering import build as build_clustering
from advlearn.attacks.clustering.bracket import smallest_change
from advlearn.attacks.clustering.gradient import Sensitivity
from advlearn.attacks.clustering.search import min_efforts
from advlearn.attacks.label_flipping import GreedyFlips, flipping_problem
from advlearn.attacks.poisoning import HypergradientAscent, LinearTask
from advlearn.budgets import Box, LinfBall
from advlearn.budgets.points import Frobenius, PerPoint
from advlearn.certificates.blocks import blocks
from advlearn.deviations import cross_entropy
from advlearn.learners.convex import unit_graph
from advlearn.learners.linear import LinearLearner
from advlearn.problem import BilevelProblem, value_function
from advlearn.problem.evasion import MaxEffectProblem
from advlearn.support.errors import UserError
from tests.helpers import hostile

POINTS = np.random.default_rng(0).normal(size=(12, 2))
Search = Callable[[BilevelProblem[Any]], Any]
NOISE = build_clustering("noise")
SEARCHES: dict[str, Search] = {
    "max_effect": lambda p: p.max_effect(NOISE),
    "min_effort": lambda p: p.min_effort(NOISE, 0.5),
    "value_function": lambda p: value_function(p, NOISE, [0.1, 0.2]),
    "smallest_change": lambda p: smallest_change(
        p, NOISE, 0.0, 1.0, rounds=3, tolerance=0.1, seed=0
    ),
    "min_efforts": lambda p: min_efforts(p, NOISE, [0.5], [0.1, 0.2]),
    "genetic": lambda p: p.max_effect(build_clustering("genetic", generations=3)),
    "one_point": lambda p: p.max_effect(build_clustering("one_point")),
    "transfer": lambda p: p.max_effect(build_clustering("transfer")),
}


def halves(points: np.ndarray) -> np.ndarray:
    return (points[:, 0] > 0).astype(int)


def changed(before: np.ndarray, after: np.ndarray) -> float:
    return float((before != after).mean())


def moved(points: np.ndarray) -> bool:
    return not np.array_equal(points, POINTS)


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_deviation_that_is_not_finite(name: str, number: float) -> None:
    def deviation(before: np.ndarray, after: np.ndarray) -> float:
        return 0.0 if np.array_equal(before, after) else number

    problem = BilevelProblem(
        POINTS, PerPoint(1.0), deviation, lambda points: halves(points) if not moved(points) else
        1 - halves(points)
    )  # fmt: skip
    with pytest.raises(UserError, match=f"must be a finite number, it is {number}") as caught:
        SEARCHES[name](problem)
    assert "deviation" in caught.value.where


@pytest.mark.parametrize("name", SEARCHES)
def test_a_learner_whose_answer_is_nan_has_not_withstood(name: str) -> None:
    def learner(points: np.ndarray) -> np.ndarray:
        labels = halves(points).astype(float)
        return np.where(moved(points), np.nan, labels)

    problem = BilevelProblem(
        POINTS, PerPoint(1.0), lambda before, after: float((after > before).mean()), learner
    )
    with pytest.raises(UserError, match="12 of 12 numbers that are not finite"):
        SEARCHES[name](problem)


def test_the_clean_answer_is_looked_at_as_well() -> None:
    problem = BilevelProblem(POINTS, Frobenius(1.0), changed, lambda points: np.full(12, np.nan))
    with pytest.raises(UserError, match="query 0"):
        problem.max_effect(NOISE)


def test_poisoning_and_flipping_of_points_too_large() -> None:
    targets = np.tile([0.0, 1.0], 6)
    with pytest.raises(UserError, match="too large"):
        LinearTask(1e200 * POINTS, targets, POINTS, targets)


def test_a_hypergradient_that_is_not_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = np.tile([0.0, 1.0], 6)
    task = LinearTask(POINTS, targets, POINTS, targets)
    monkeypatch.setattr(LinearLearner, "loss_gradient", lambda *_: np.full(3, np.nan))
    monkeypatch.setattr(LinearLearner, "newton_direction", lambda *given: given[-1])
    with pytest.raises(UserError, match="hypergradients are not finite for 12 of 12 points"):
        task.problem(PerPoint(0.1)).max_effect(HypergradientAscent(task))
    with pytest.raises(UserError, match="influences are not finite for 12 of 12 points"):
        flipping_problem(task, 1).max_effect(GreedyFlips(task))


def test_derivatives_of_a_clustering_are_finite() -> None:
    with pytest.raises(UserError, match="not finite for 1 of 2 points"):
        Sensitivity(np.array([[0.0], [np.nan]]), np.zeros(1), 0.0)
    with pytest.raises(UserError, match="not finite for 1 of 1 edges"):
        Sensitivity(np.zeros((2, 1)), np.array([np.inf]), 0.0)


def test_labels_of_a_certificate_are_whole_numbers() -> None:
    with pytest.raises(UserError, match="whole numbers"):
        blocks(POINTS, np.full(12, np.nan), unit_graph(12))


def test_one_image_whose_logits_are_nan() -> None:
    model = hostile.brittle(None, (1, 8, 8), 3).eval()
    image, label = torch.full((1, 1, 8, 8), 51 / 255), torch.zeros(1, dtype=torch.int64)
    problem = MaxEffectProblem(LinfBall(0.1, Box()), cross_entropy, model).of_image(image, label)
    with pytest.raises(UserError, match="logits are not finite for 1 of 1 images"):
        problem.max_effect(NOISE)
