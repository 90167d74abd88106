"""Both forms of the bilevel problem and the duality between them, on problems solved by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advlearn.budgets.points import Array, FewPoints, Frobenius, LInf, PerPoint, SinglePoint
from advlearn.problem import BilevelProblem, inverse, value_function
from advlearn.support.errors import BudgetViolation, UserError


class Noise:
    """Random perturbations on the boundary, and inside at random shares of it."""

    def __init__(self, count: int = 5) -> None:
        self.count = count

    def candidates(
        self, problem: BilevelProblem[Any], tau: float, generator: np.random.Generator
    ) -> Iterator[Array]:
        budget = problem.budget.scaled(tau)
        for _ in range(self.count):
            drawn = budget.random(problem.data.shape, generator)
            yield drawn
            yield drawn * generator.random()


class Right:
    """Everything to the right, as far as allowed: exact where the effect grows that way."""

    def candidates(
        self, problem: BilevelProblem[Any], tau: float, generator: np.random.Generator
    ) -> Iterator[Array]:
        yield np.full_like(problem.data, tau)


def on_a_line(closed: bool, largest: float = 8.0) -> BilevelProblem[int]:
    """One number at 0; the result jumps from 0 to 1 at 2: the jump is attained if ``closed``."""

    def jumped(data: Array) -> int:
        return int(data[0] >= 2) if closed else int(data[0] > 2)

    return BilevelProblem(np.zeros(1), LInf(largest), lambda a, b: float(a != b), jumped)


def wild(seed: int, budget: Any) -> BilevelProblem[float]:
    """A deviation without any order: an arbitrary function of the perturbed data."""
    generator = np.random.default_rng(seed)
    data, waves = generator.standard_normal((4, 2)), generator.normal(0, 9, 4)

    def learner(points: Array) -> float:
        return float(np.sin(waves @ points).sum())

    return BilevelProblem(data, budget, lambda a, b: math.sin(7 * (a - b)), learner)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(
        [PerPoint(1.0), Frobenius(1.0), SinglePoint(1.0, 0), LInf(1.0), FewPoints(1.0, 2)]
    ),
    taus=st.lists(st.floats(0, 3), min_size=1, max_size=8, unique=True),
    nu=st.floats(-1.2, 1.2),
)
def test_the_value_function_is_nondecreasing_and_dual_to_its_inverse(
    seed: int, kind: Any, taus: list[float], nu: float
) -> None:
    problem, radii = wild(seed, kind), sorted(taus)
    values, perturbations = value_function(problem, Noise(), radii, seed=seed)
    assert (np.diff(values) >= 0).all()
    for radius, value, perturbation in zip(radii, values, perturbations, strict=True):
        assert kind.scaled(radius).contains(perturbation)
        assert problem.effect(perturbation) == value
    # The Galois connection: v(tau) >= nu if and only if tau >= inverse(nu).
    answer = inverse(radii, list(values), nu)
    for radius, value in zip(radii, values, strict=True):
        assert (value >= nu) == (radius >= answer)
    for number, value in enumerate(values):
        assert inverse(radii, list(values), value) <= radii[number]
    grid = dict(zip(radii, values, strict=True))
    assert answer == math.inf or grid[answer] >= nu


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000), nu=st.floats(-0.9, 1.0))
def test_min_effort_is_the_inverse_of_the_value_function(seed: int, nu: float) -> None:
    """On one number, where the value function is known from a fine grid."""
    generator = np.random.default_rng(seed)
    waves = generator.normal(0, 3, 3)

    def learner(data: Array) -> float:
        return float(np.sin(waves * data[0]).sum())

    problem = BilevelProblem(np.zeros(1), LInf(4.0), lambda a, b: b, learner)

    class Grid:
        def candidates(
            self, problem: BilevelProblem[Any], tau: float, generator: np.random.Generator
        ) -> Iterator[Array]:
            for step in range(-100, 101):
                if abs(step) / 25 <= tau:
                    yield np.array([step / 25])

    radii = [number / 25 for number in range(101)]
    values, _ = value_function(problem, Grid(), radii)
    expected = inverse(radii, list(values), nu)
    found = problem.min_effort(Grid(), nu)
    assert found.reached == (expected < math.inf)
    if found.reached:
        assert found.effect >= nu
        assert found.size == pytest.approx(expected)
        assert found.below <= found.size


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-6])
def test_an_infimum_that_is_not_attained_is_bracketed(closed: bool, tolerance: float) -> None:
    found = on_a_line(closed).min_effort(Right(), 1.0, tolerance=tolerance)
    assert found.reached
    assert found.effect == 1
    assert found.below <= 2 <= found.size
    assert found.size <= found.below * (1 + tolerance)
    if not closed:
        assert found.size > 2, "the infimum itself does not change the result"
    wider = on_a_line(closed)
    assert wider.effect(np.full(1, found.below * (1 + 1.1 * tolerance))) == 1


def test_a_candidate_well_inside_its_radius_answers_at_once() -> None:
    class Knows:
        def candidates(self, problem: Any, tau: float, generator: Any) -> Iterator[Array]:
            if tau >= 2:
                yield np.array([2.0])

    found = on_a_line(closed=True).min_effort(Knows(), 1.0)
    assert found.size == 2.0
    assert found.queries <= 15


def test_max_effect_takes_the_largest_effect_and_of_equals_the_smaller() -> None:
    problem = on_a_line(closed=True)
    short, long = np.array([2.5]), np.array([7.0])

    class Three:
        def candidates(self, problem: Any, tau: float, generator: Any) -> Iterator[Array]:
            yield from (np.array([1.0]), long, short)

    found = problem.max_effect(Three())
    assert (found.size, found.effect, found.reached, found.queries) == (2.5, 1.0, True, 3)
    assert found.below == 8.0
    assert problem.queries == 3
    nothing = problem.max_effect(Right(), 1.0)
    assert (nothing.size, nothing.effect, nothing.reached) == (0.0, 0.0, False)
    assert not nothing.perturbation.any()


def test_what_was_not_reached_is_said_with_the_best_that_was_seen() -> None:
    data = np.zeros(1)
    problem = BilevelProblem(data, LInf(3.0), lambda a, b: b - a, lambda x: float(x[0]))
    found = problem.min_effort(Right(), 4.0)
    assert not found.reached
    assert (found.effect, found.size, found.below) == (3.0, 3.0, 3.0)
    assert problem.min_effort(Right(), 4.0, largest=5.0).reached


def test_nothing_to_do_costs_nothing() -> None:
    problem = on_a_line(closed=True)
    found = problem.min_effort(Right(), 0.0)
    assert (found.reached, found.size, found.queries) == (True, 0.0, 0)


def test_a_budget_of_zero_leaves_the_clean_data() -> None:
    problem = wild(1, PerPoint(0.0))
    found = problem.max_effect(Noise())
    assert (found.size, found.effect) == (0.0, problem.clean_effect)
    assert not problem.min_effort(Noise(), 2.0).reached
    values, _ = value_function(problem, Noise(), [0.0])
    assert values.tolist() == [problem.clean_effect]


def test_the_clean_result_is_computed_once_and_a_reference_replaces_it() -> None:
    calls = []

    def learner(data: Array) -> float:
        calls.append(1)
        return float(data.sum())

    problem = BilevelProblem(np.ones(3), LInf(1.0), lambda a, b: b - a, learner)
    problem.max_effect(Right(), 0.5)
    problem.max_effect(Right(), 0.5)
    assert len(calls) == 3
    against = BilevelProblem(
        np.ones(3), LInf(1.0), lambda a, b: b - a, learner, reference=1.0,
        perturb=lambda data, e: data * e,
    )  # fmt: skip
    assert against.clean_effect == 2.0
    assert against.effect(np.full(3, 5.0)) == 14.0


def test_the_same_seed_gives_the_same_answer() -> None:
    outcomes = [wild(2, PerPoint(1.0)).max_effect(Noise(), seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(outcomes[0].perturbation, outcomes[1].perturbation)
    assert not np.array_equal(outcomes[0].perturbation, outcomes[2].perturbation)


def test_an_attack_may_go_on_writing_into_its_own_array() -> None:
    class Reuses:
        def candidates(self, problem: Any, tau: float, generator: Any) -> Iterator[Array]:
            own = np.zeros(1)
            for value in (3.0, 1.0):
                own[0] = value
                yield own

    found = on_a_line(closed=True).max_effect(Reuses())
    assert found.perturbation.tolist() == [3.0]


def test_a_perturbation_outside_the_budget_is_a_defect_of_the_attack() -> None:
    class Cheats:
        def candidates(self, problem: Any, tau: float, generator: Any) -> Iterator[Array]:
            yield np.full_like(problem.data, tau * 1.01)

    with pytest.raises(BudgetViolation, match=r"8\.08"):
        on_a_line(closed=True).max_effect(Cheats())


@pytest.mark.parametrize("data", [np.array([1.0, np.nan]), np.array([np.inf]), np.zeros((0, 2))])
def test_data_that_are_no_data(data: Array) -> None:
    with pytest.raises(UserError, match="finite"):
        BilevelProblem(data, LInf(1.0), lambda a, b: 0.0, lambda x: 0)


@pytest.mark.parametrize(
    "wrong", [{"nu": math.nan}, {"nu": 1, "tolerance": 0}, {"nu": 1, "rounds": 0}]
)
def test_min_effort_refuses_what_has_no_answer(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="min effort"):
        on_a_line(closed=True).min_effort(Right(), **wrong)


@pytest.mark.parametrize("taus", [[], [1.0, 1.0], [2.0, 1.0], [0.0, math.nan], [[1.0]]])
def test_radii_must_increase(taus: Any) -> None:
    with pytest.raises(UserError, match="increasing"):
        value_function(on_a_line(closed=True), Right(), taus)
    with pytest.raises(UserError, match="increasing"):
        inverse(taus, [0.0] * len(taus), 0.5)


@pytest.mark.parametrize("values", [[1.0, 0.5], [0.0, math.nan], [0.0]])
def test_only_a_nondecreasing_function_has_an_inverse(values: list[float]) -> None:
    with pytest.raises(UserError, match="nondecreasing"):
        inverse([1.0, 2.0], values, 0.5)


def test_the_inverse_of_what_is_never_reached_is_infinite() -> None:
    assert inverse([1.0, 2.0, 3.0], [0.0, 0.5, 0.5], 0.6) == math.inf
    assert inverse([1.0, 2.0, 3.0], [0.0, 0.5, 0.5], 0.5) == 2.0
    assert inverse([1.0, 2.0, 3.0], [0.0, 0.5, 0.5], -1.0) == 1.0
