"""Where an attack first changes a partition, from below and from above."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from advlearn.attacks.clustering.common import Problem
from advlearn.problem import Attack
from advlearn.support.seeds import derive_seed

__all__ = ["Bracket", "smallest_change"]

# Where nothing is certified, attacks begin at this share of the largest size and grow faster.
_FIRST = 1e-3
_GROWTH, _SEARCH = 1.6, 5.0


class Bracket(NamedTuple):
    """Sizes of an attack's perturbations around its first success.

    Attributes:
        changed: smallest size at which the partition changed; none where it never did.
        unchanged: largest radius below that at which it did not change; 0 if there is none.
        perturbation: E of size ``changed``; none where there is none.
    """

    changed: float | None
    unchanged: float
    perturbation: np.ndarray | None


def smallest_change(
    problem: Problem,
    attack: Attack,
    certified: float,
    largest: float,
    *,
    rounds: int,
    tolerance: float,
    seed: int,
) -> Bracket:
    """Bracket the size at which an attack first changes the partition.

    Begins just above the certified radius and grows until the attack succeeds, then halves the
    ratio of the two ends; each radius is left at its first success. Cheaper than
    `BilevelProblem.min_effort`, which knows no size below which all attacks fail.

    Args:
        problem: budget, deviation and learner.
        attack: proposes.
        certified: size below which no perturbation changes the partition; 0 where none is known.
        largest: largest radius that is tried.
        rounds: most radii that are tried.
        tolerance: relative accuracy of the size.
        seed: decides the attack's generators.
    """
    below, above = 0.0, math.inf
    best: np.ndarray | None = None
    step = 1 + tolerance
    tau = certified * step if 0 < certified * step < largest else _FIRST * largest
    for _ in range(rounds):
        found = _first_change(problem, attack, tau, seed)
        if found is None:
            below = max(below, tau)
        elif (size := problem.budget.size(found)) < above:
            above, best = size, found
        if above <= max(below, certified) * step or below >= largest:
            break
        if math.isinf(above):
            tau = min(tau * (_GROWTH if certified > 0 else _SEARCH), largest)
        else:
            known = max(below, certified)
            tau = math.sqrt(known * above) if known > 0 else above / 4
    return Bracket(above if best is not None else None, min(below, above), best)


def _first_change(problem: Problem, attack: Attack, tau: float, seed: int) -> np.ndarray | None:
    """The first candidate that changes the partition, none if none does."""
    generator = np.random.default_rng(derive_seed(seed, "certify", tau))
    for perturbation in attack.candidates(problem, tau, generator):
        if problem.effect(perturbation) > 0:
            return np.array(perturbation)
    return None
