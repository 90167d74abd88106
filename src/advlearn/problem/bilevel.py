"""The bilevel problem of any learner and any deviation, in its two forms and their value function.

    (M1, max effect)   v(tau) = sup  D(X*(A), X*(A + E))   over E of size at most tau
    (M2, min effort)   inf size(E)                         over E with D(X*(A), X*(A + E)) >= nu

Derived here, for nested budgets {E : size(E) <= tau} and any deviation D whatever:

- v is nondecreasing, since a larger radius only admits more perturbations. It is a staircase where
  D takes finitely many values. D along one fixed direction, t -> D(X*(A), X*(A + t E)), need not be
  monotone.
- M2 is the generalised inverse of v: inf {tau : v(tau) >= nu}. So v(tau) >= nu wherever tau is
  above the inverse of nu, and tau is no less than the inverse wherever v(tau) >= nu. Bisection on
  tau with a solver of M1 therefore solves M2.
- The infimum of M2 need not be attained: of clusterings, a merge is a closed condition and is, a
  split is an open one and is not. M2 is therefore answered by a perturbation that reaches nu and by
  the largest radius at which none was seen to, no further apart than a stated tolerance.

What an attack finds is a lower bound of v and an upper bound of M2; both facts above hold for these
bounds too, because every perturbation counts for all radii from its own size on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from advlearn.budgets.points import PointBudget
from advlearn.support.errors import UserError
from advlearn.support.seeds import derive_seed

Array = NDArray[np.float64]
Result = TypeVar("Result")

__all__ = [
    "Attack",
    "BilevelProblem",
    "Outcome",
    "ValueFunction",
    "inverse",
    "shifted",
    "value_function",
]


def shifted(data: Array, perturbation: Array) -> Array:
    """A + E, how a perturbation acts on points (n, d) unless a problem says otherwise."""
    return data + perturbation


@dataclass(frozen=True)
class Outcome:
    """What an attack achieved.

    Attributes:
        perturbation: E of the best perturbation; zeros where none did anything.
        size: its size in the problem's budget.
        effect: D(before, after) for it.
        reached: M2: whether the effect is at least nu. M1: whether it is above that of E = 0.
        below: M2: the largest radius at which the attack did not reach nu, 0 if it never failed;
            the infimum, as far as this attack can see, is in [below, size]. M1: the radius.
        queries: how often the learner was asked.
    """

    perturbation: Array
    size: float
    effect: float
    reached: bool
    below: float
    queries: int


class ValueFunction(NamedTuple):
    """The value function as an attack sees it.

    Attributes:
        values: v(tau) of each radius, nondecreasing (k,).
        perturbations: one that has this effect and is inside that radius, for each.
    """

    values: Array
    perturbations: list[Array]


class Attack(Protocol):
    """Anything that proposes perturbations; the problem itself judges them."""

    def candidates(
        self, problem: BilevelProblem[Any], tau: float, generator: np.random.Generator
    ) -> Iterator[Array]:
        """Perturbations inside ``problem.budget.scaled(tau)``, any number of them.

        The attack may ask ``problem.effect`` on the way; each call counts as one query.
        """
        ...


@dataclass(eq=False)
class BilevelProblem(Generic[Result]):
    """An attacker above, who changes the data, and a learner below, who answers to them.

    Args:
        data: A, what the learner is given, as an array of finite numbers with at least one entry:
            points (n, d), labels (n,), one image. Its copy in float64 is kept.
        budget: which perturbations there are and how large each is; its ``epsilon`` is the radius
            of M1 and the largest radius that M2 looks at, where the call gives none.
        deviation: D(before, after) -> float, to be made large; any function.
        learner: data -> result, the solution of the lower level, a pure function of the data.
        reference: what ``deviation`` compares with; by default the result on the clean data. An
            evasion attack compares with the true label instead.
        perturb: (data, E) -> data; by default A + E.

    Learner and ``perturb`` are handed copies, so that neither can change the data; an attack that
    writes into ``data`` is stopped by numpy. A result of the learner that is an array of floating
    numbers, and every deviation, must be finite: a comparison with NaN is false, and such an answer
    would count as one that withstands the attack.

    Attributes:
        queries: how often the learner was asked for perturbed data.

    Raises:
        UserError: data that are empty or hold NaN or infinity; later, where an answer of the
            learner or a deviation is not finite.
    """

    data: Array
    budget: PointBudget
    deviation: Callable[[Result, Result], float]
    learner: Callable[[Array], Result]
    reference: Result | None = None
    perturb: Callable[[Array, Array], Array] = shifted
    queries: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.data = np.array(self.data, dtype=np.float64)
        if not self.data.size or not np.isfinite(self.data).all():
            raise UserError(
                "the data of an attack must be finite numbers, at least one",
                where=f"data of shape {self.data.shape}",
                remedy="remove rows with NaN or infinity before the attack",
            )
        self.data.flags.writeable = False

    @cached_property
    def before(self) -> Result:
        """What the deviation compares with; the clean result is computed once and not counted."""
        return self._clean if self.reference is None else self.reference

    @cached_property
    def clean_effect(self) -> float:
        """D of the unperturbed data, which every budget holds: 0 if D is a distance of results."""
        return self.effect_of(self._clean)

    def after(self, perturbation: Array) -> Result:
        """The learner's result on the perturbed data; counts as one query.

        Raises:
            UserError: it is an array of numbers that are not finite.
        """
        self.queries += 1
        return self._answer(self.perturb(self.data.copy(), np.array(perturbation)))

    def effect_of(self, result: Result) -> float:
        """D(before, result) of a result of the learner; no query.

        Raises:
            UserError: it is not finite.
        """
        effect = float(self.deviation(self.before, result))
        _check_effect(effect, f"deviation {_name(self.deviation)} after query {self.queries}")
        return effect

    def effect(self, perturbation: Array) -> float:
        """D(before, after); counts as one query.

        Raises:
            UserError: the learner's answer or D is not finite.
        """
        return self.effect_of(self.after(perturbation))

    def max_effect(self, attack: Attack, tau: float | None = None, *, seed: int = 0) -> Outcome:
        """M1: the largest effect among the attack's candidates and E = 0 (the smaller E of equals).

        Args:
            attack: proposes.
            tau: radius, finite and >= 0; by default that of the budget.
            seed: decides the generator that the attack is given, together with ``tau``.

        Raises:
            UserError: a radius that is no radius.
            BudgetViolation: a candidate outside the budget (a defect of the attack).
        """
        budget = self._at(tau)
        before = self.queries
        best = self._nothing
        for candidate in self._judged(attack, budget, seed):
            if (candidate.effect, -candidate.size) > (best.effect, -best.size):
                best = candidate
        return Outcome(
            best.perturbation,
            best.size,
            best.effect,
            reached=best.effect > self.clean_effect,
            below=budget.epsilon,
            queries=self.queries - before,
        )

    def min_effort(
        self,
        attack: Attack,
        nu: float,
        *,
        largest: float | None = None,
        tolerance: float = 1e-3,
        rounds: int = 60,
        seed: int = 0,
    ) -> Outcome:
        """M2: the smallest perturbation whose effect is at least ``nu``, by bisection on tau.

        A candidate that reaches ``nu`` with a size below tau moves the upper end to its size. The
        search ends when size <= below * (1 + tolerance), or after ``rounds`` radii. Of an attack
        that asks for nothing (the clean effect is enough already) the answer is E = 0.

        Args:
            attack: proposes, again at each radius.
            nu: effect that is enough.
            largest: largest radius that is tried; by default that of the budget.
            tolerance: relative distance of the two ends, above 0.
            rounds: most radii that are tried, at least 1.
            seed: decides the attack's generators.

        Returns:
            With ``reached`` false: the perturbation of the largest effect that was seen.

        Raises:
            UserError: NaN for ``nu``, no radius, a tolerance <= 0 or no rounds.
            BudgetViolation: a candidate outside the budget (a defect of the attack).
        """
        budget = self._at(largest)
        if math.isnan(nu) or not (tolerance > 0 and rounds >= 1):
            raise UserError(
                "min effort needs an effect to reach, a tolerance above 0 and at least one round",
                where=f"nu {nu}, tolerance {tolerance}, rounds {rounds}",
                remedy="give for example nu=0.1, tolerance=1e-3, rounds=60",
            )
        start = self.queries
        best = self._nothing
        below, tau = 0.0, budget.epsilon
        for _ in range(rounds):
            if best.effect >= nu and best.size <= below * (1 + tolerance):
                break
            found = False
            for candidate in self._judged(attack, self._at(tau), seed):
                enough = candidate.effect >= nu
                found |= enough
                if best.effect >= nu:
                    better = enough and candidate.size < best.size
                else:
                    better = enough or candidate.effect > best.effect
                best = candidate if better else best
            below = below if found else max(below, tau)
            if best.effect < nu:
                break
            tau = 0.5 * (below + best.size)
        reached = best.effect >= nu
        return Outcome(
            best.perturbation,
            best.size,
            best.effect,
            reached=reached,
            below=min(below, best.size) if reached else below,
            queries=self.queries - start,
        )

    @cached_property
    def _clean(self) -> Result:
        return self._answer(self.data.copy())

    def _answer(self, data: Array) -> Result:
        result = self.learner(data)
        _check_answer(result, f"query {self.queries} of the learner {_name(self.learner)}")
        return result

    @property
    def _nothing(self) -> _Candidate:
        return _Candidate(np.zeros_like(self.data), 0.0, self.clean_effect)

    def _at(self, tau: float | None) -> PointBudget:
        return self.budget if tau is None else self.budget.scaled(tau)

    def _judged(self, attack: Attack, budget: PointBudget, seed: int) -> Iterator[_Candidate]:
        generator = np.random.default_rng(derive_seed(seed, "candidates", budget.epsilon))
        for perturbation in attack.candidates(self, budget.epsilon, generator):
            budget.check(perturbation)
            # The attack may continue to write into its own array.
            kept = np.array(perturbation, dtype=np.float64)
            yield _Candidate(kept, self.budget.size(kept), self.effect(kept))


def _check_answer(result: Any, where: str) -> None:
    """Refuse an array of floating numbers that are not finite; anything else is left alone."""
    if not isinstance(result, np.ndarray) or not np.issubdtype(result.dtype, np.inexact):
        return
    bad = int(np.count_nonzero(~np.isfinite(result)))
    if bad:
        raise UserError(
            f"the learner answered with {bad} of {result.size} numbers that are not finite",
            where=f"{where}; query 0 is that of the clean data",
            remedy="scale the data, or let the learner answer with finite numbers",
        )


def _check_effect(effect: float, where: str) -> None:
    if not math.isfinite(effect):
        raise UserError(
            f"the deviation of an attack must be a finite number, it is {effect}",
            where=where,
            remedy="let the deviation answer with a number for every result of the learner",
        )


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)


class _Candidate(NamedTuple):
    perturbation: Array
    size: float
    effect: float


def value_function(
    problem: BilevelProblem[Any], attack: Attack, taus: Sequence[float], *, seed: int = 0
) -> ValueFunction:
    """v(tau) at each radius, as far as ``attack`` sees it: nondecreasing whatever D is.

    Every perturbation that is found at any radius counts for all radii from its own size on.

    Args:
        problem: budget, deviation and learner.
        attack: proposes at each radius.
        taus: radii (k,), strictly increasing, finite and >= 0.
        seed: decides the attack's generators.

    Raises:
        UserError: radii that are empty or not strictly increasing.
        BudgetViolation: a candidate outside the budget (a defect of the attack).
    """
    radii = _increasing(taus)
    best = [problem._nothing] * len(radii)
    for radius in radii:
        for candidate in problem._judged(attack, problem._at(float(radius)), seed):
            # Rounding must not carry a perturbation past the radius it was made for.
            first = int(np.searchsorted(radii, min(candidate.size, radius)))
            if candidate.effect > best[first].effect:
                best[first] = candidate
    for number in range(1, len(best)):
        if best[number - 1].effect >= best[number].effect:
            best[number] = best[number - 1]
    return ValueFunction(np.array([one.effect for one in best]), [one.perturbation for one in best])


def inverse(taus: Sequence[float], values: Sequence[float], nu: float) -> float:
    """Generalised inverse of a value function: the smallest tau with v(tau) >= nu, inf if none.

    Args:
        taus: radii (k,), strictly increasing.
        values: v at them, nondecreasing.
        nu: effect to be reached.

    Raises:
        UserError: radii that do not increase, values that decrease, NaN, or unequal lengths.
    """
    radii, heights = _increasing(taus), np.asarray(values, dtype=np.float64)
    if heights.shape != radii.shape or not (heights[1:] >= heights[:-1]).all() or math.isnan(nu):
        raise UserError(
            "only a nondecreasing value function has a generalised inverse",
            where=f"{len(radii)} radii, values {heights.tolist()}, nu {nu}",
            remedy="take the values from value_function, one for each radius",
        )
    first = int(np.searchsorted(heights, nu))
    return float(radii[first]) if first < len(radii) else math.inf


def _increasing(taus: Sequence[float]) -> Array:
    radii = np.asarray(taus, dtype=np.float64)
    if radii.ndim != 1 or not len(radii) or not (np.diff(radii) > 0).all():
        raise UserError(
            "the radii of a value function must be strictly increasing",
            where=f"taus {radii.tolist()}",
            remedy="give for example [0.1, 0.2, 0.4]",
        )
    return radii
