"""The hypergradient against finite differences, the attack against noise; flips by brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from advlearn.attacks.label_flipping import GreedyFlips, flipped, flipping_problem
from advlearn.attacks.poisoning import HypergradientAscent, LinearTask
from advlearn.budgets.points import FewPoints, Frobenius, LInf, PerPoint, PointBudget, SinglePoint
from advlearn.learners import linear
from advlearn.learners.linear import LinearLearner
from advlearn.learners.logistic import LOGISTIC
from advlearn.learners.svm import SVM
from advlearn.support.errors import UserError

LEARNERS = pytest.mark.parametrize("learner", [LOGISTIC, SVM], ids=["logistic", "svm"])


def a_task(
    seed: int = 0, n: int = 30, d: int = 3, penalty: float = 0.02, learner: LinearLearner = LOGISTIC
) -> LinearTask:
    generator = np.random.default_rng(seed)
    points = generator.standard_normal((n + 50, d))
    normal = generator.standard_normal(d)
    targets = (points @ normal + 0.7 * generator.standard_normal(n + 50) > 0).astype(np.float64)
    return LinearTask(points[:n], targets[:n], points[n:], targets[n:], penalty, learner)


@LEARNERS
@pytest.mark.parametrize("penalty", [1e-3, 0.02, 1.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_hypergradient_is_that_of_finite_differences(
    seed: int, penalty: float, learner: LinearLearner
) -> None:
    task = a_task(seed, n=12, penalty=penalty, learner=learner)
    found = task.hypergradient(task.points, task.fitted(task.points))
    step = 1e-5
    expected = np.zeros_like(found)
    for index in np.ndindex(found.shape):
        shift = np.zeros_like(found)
        shift[index] = step
        ahead, behind = (task.loss(task.fitted(task.points + s * shift)) for s in (1, -1))
        expected[index] = (ahead - behind) / (2 * step)
    assert np.abs(found - expected).max() <= 1e-6 * max(1.0, np.abs(found).max())
    assert np.abs(found).max() > 1e-4


BUDGETS: list[PointBudget] = [
    PerPoint(0.3), Frobenius(1.5), LInf(0.2), FewPoints(1.0, 3), SinglePoint(3.0, 4),
]  # fmt: skip


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda b: type(b).__name__)
@pytest.mark.parametrize("seed", [0, 1])
@LEARNERS
def test_the_attack_beats_random_noise_of_the_same_size(
    budget: PointBudget, seed: int, learner: LinearLearner
) -> None:
    task = a_task(seed, learner=learner)
    found = task.problem(budget).max_effect(HypergradientAscent(task, steps=15, restarts=6))
    problem, generator = task.problem(budget), np.random.default_rng(5)
    noise = [problem.effect(budget.random(task.points.shape, generator)) for _ in range(100)]
    assert found.effect > max(noise)
    assert found.effect > 0
    assert found.queries == 6 * (15 + 1 + 1)
    # Judged by an independent fit of the poisoned points.
    strength = 1 / (task.penalty * len(task.points))
    made = (
        LogisticRegression(C=strength, fit_intercept=False, tol=1e-10, max_iter=5000)
        if learner is LOGISTIC
        else LinearSVC(C=strength, fit_intercept=False, dual=False, tol=1e-12, max_iter=100_000)
    )
    peer = made.fit(linear.add_intercept(task.points + found.perturbation), task.targets)
    assert task.increase(task.fitted(task.points), peer.coef_[0]) == pytest.approx(
        found.effect, abs=1e-6
    )


def test_min_effort_of_poisoning_needs_less_than_what_max_effect_was_given() -> None:
    task = a_task()
    attack = HypergradientAscent(task, steps=10)
    wanted = task.problem(PerPoint(0.2)).max_effect(attack).effect
    found = task.problem(PerPoint(1.0)).min_effort(attack, wanted, tolerance=0.01)
    assert found.reached
    assert found.size <= 0.2 * 1.02
    assert found.size <= found.below * 1.01


@LEARNERS
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_greedy_flips_beside_all_flips(seed: int, count: int, learner: LinearLearner) -> None:
    task = a_task(seed, n=9, learner=learner)
    found = flipping_problem(task, count).max_effect(GreedyFlips(task))
    problem = flipping_problem(task, count)
    every = [0.0]
    for size in range(1, count + 1):
        for chosen in combinations(range(9), size):
            flips = np.zeros(9)
            flips[list(chosen)] = 1
            every.append(problem.effect(flips))
    assert found.effect <= max(every) + 1e-12
    if count == 1:
        assert found.effect == pytest.approx(max(every), rel=1e-12)
    else:
        # The squared hinge has no bound, so that two flips may do far more than one and one.
        assert found.effect >= (0.8 if learner is LOGISTIC else 0.4) * max(every)
    assert found.size <= count


def test_influence_saves_trainings_and_loses_little() -> None:
    task = a_task(3, n=40)
    exact = flipping_problem(task, 4).max_effect(GreedyFlips(task))
    quick = flipping_problem(task, 4).max_effect(GreedyFlips(task, shortlist=3))
    blind = flipping_problem(task, 4).max_effect(GreedyFlips(task, shortlist=1))
    assert exact.queries == 40 + 39 + 38 + 37 + 4
    assert quick.queries == 4 * 3 + 4
    assert blind.queries == 4 + 4
    generator = np.random.default_rng(0)
    problem = flipping_problem(task, 4)
    noise = [problem.effect(problem.budget.random((40,), generator)) for _ in range(200)]
    assert max(noise) < blind.effect <= quick.effect <= exact.effect + 1e-12
    assert quick.effect >= 0.9 * exact.effect


def test_influence_is_the_derivative_of_a_partial_flip() -> None:
    task = a_task(1, n=15)
    theta = task.fitted(task.points)
    adjoint = task.adjoint(task.points, task.targets, theta)
    step, index = 1e-6, 4
    moved = task.targets.copy()
    moved[index] += step * (1 - 2 * moved[index])

    def fitted(targets: np.ndarray) -> np.ndarray:
        """theta for targets between 0 and 1, by Newton from the minimum."""
        found = theta
        for _ in range(5):
            slope = LOGISTIC.loss_gradient(task.points, targets, found) + task.penalty * found
            found = found - np.linalg.solve(
                LOGISTIC.hessian(task.points, targets, task.penalty, found), slope
            )
        return found

    measured = (task.loss(fitted(moved)) - task.loss(theta)) / step
    sign = 2 * task.targets[index] - 1
    expected = -sign * (linear.add_intercept(task.points)[index] @ adjoint) / len(task.points)
    assert measured == pytest.approx(expected, rel=1e-4)


def test_flips_turn_labels_round_and_no_budget_flips_nothing() -> None:
    targets, flips = np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 0.0])
    assert flipped(targets, flips).tolist() == [1.0, 0.0, 1.0]
    task = a_task()
    found = flipping_problem(task, 0).max_effect(GreedyFlips(task))
    assert (found.size, found.effect, found.queries) == (0.0, 0.0, 0)
    every = flipping_problem(a_task(n=5), 99).max_effect(GreedyFlips(a_task(n=5)))
    assert every.size <= 5


def test_tasks_that_are_none() -> None:
    good = a_task(n=5)
    with pytest.raises(UserError, match="0 or 1"):
        LinearTask(good.points, good.targets + 0.5, good.points, good.targets)
    with pytest.raises(UserError, match="coordinates"):
        LinearTask(good.points, good.targets, good.points[:, :1], good.targets)
    with pytest.raises(UserError, match="penalty"):
        LinearTask(good.points, good.targets, good.points, good.targets, penalty=0.0)
