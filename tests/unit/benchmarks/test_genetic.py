"""The genetic attack beside the published procedure."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from advlearn.budgets.points import LInf
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.learners.partitioners import build
from advlearn.problem import BilevelProblem
from benchmarks import genetic
from tests.helpers.point_sets import blobs


def test_published_has_one_victim_and_as_many_generations() -> None:
    points = blobs((12, 12, 12), 4, 4.0, 0.8, seed=0)
    problem = BilevelProblem(points, LInf(1.0), DEVIATIONS["delta"], build("ward", n_clusters=3))
    before = problem.queries
    made = genetic.Published(generations=9).candidates(problem, 1.0, np.random.default_rng(0))
    perturbations = list(made)
    assert problem.queries - before == 9
    for perturbation in perturbations:
        assert np.abs(perturbation).max() <= 1.0
        moved = np.flatnonzero(perturbation.any(axis=1))
        assert len({int(problem.before[row]) for row in moved}) <= 1


def test_every_mask_descends_from_the_first() -> None:
    points = blobs((12, 12, 12), 4, 4.0, 0.8, seed=0)
    seen: list[np.ndarray] = []

    def learner(moved: np.ndarray) -> np.ndarray:
        seen.append(moved - points)
        return np.repeat([0, 1, 2], 12)

    problem = BilevelProblem(points, LInf(1.0), DEVIATIONS["delta"], learner)
    still = genetic.Published(generations=5, crossover=0.0, mutation=0.0, zeroing=0.0)
    list(still.candidates(problem, 1.0, np.random.default_rng(0)))
    masks = [each for each in seen if each.any()]
    assert len(masks) >= 5
    assert all(np.allclose(each, masks[0]) for each in masks)
    moving = genetic.Published(generations=5, crossover=0.0, mutation=0.0, zeroing=0.5)
    seen.clear()
    list(moving.candidates(problem, 1.0, np.random.default_rng(0)))
    masks = [each for each in seen if each.any()][:5]
    for before, after in pairwise(masks):
        kept = after != 0
        assert np.allclose(after[kept], before[kept])


def test_both_are_compared_seed_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genetic, "GENERATIONS", 6)
    points = blobs((12, 12, 12), 4, 4.0, 0.8, seed=0)
    frame = genetic.compared(points, 3, "ward", 1.0, range(3))
    assert frame["seed"].tolist() == [0, 1, 2]
    assert frame[["ours", "published"]].to_numpy().min() >= 0
    assert frame[["ours", "published"]].to_numpy().max() <= 1
    again = genetic.compared(points, 3, "ward", 1.0, range(3))
    pd.testing.assert_frame_equal(frame, again)


def test_differences_have_students_interval() -> None:
    frame = pd.DataFrame({"seed": [0, 1], "ours": [0.5, 0.4], "published": [0.3, 0.3]})
    row = genetic.summarised(frame)
    assert (row["ours"], row["published"], row["rounds"]) == pytest.approx((0.45, 0.3, 2))
    assert row["gain"] == pytest.approx(0.15)
    assert row["gain_high"] - row["gain"] == pytest.approx(12.706 * 0.05, rel=1e-3)
