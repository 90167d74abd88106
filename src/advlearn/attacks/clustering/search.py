"""Min effort for several targets at once, by the value function and a bisection along directions.

Every perturbation that is seen counts for all radii from its size on, and for all targets that it
reaches: one pass over a few radii serves all of them. What reaches a target is then shortened along
its own direction. That direction need not stay best at the smaller size, so the attack is asked
again just below, once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advlearn.attacks.clustering.common import Problem
from advlearn.attacks.clustering.composite import FixedDirections
from advlearn.problem import Attack, value_function

__all__ = ["MinEffort", "min_efforts"]

_BELOW = 0.8


@dataclass(frozen=True)
class MinEffort:
    """The smallest perturbation found that reaches one target, and what it cost.

    Attributes:
        perturbation: the smallest that reached it; if none did, the one of the largest effect.
        size: its size.
        reached: whether it reaches the target.
        queries: clusterings asked for, the common pass included.
        seconds: processor time, the common pass included.
    """

    perturbation: np.ndarray
    size: float
    reached: bool
    queries: int
    seconds: float


def min_efforts(
    problem: Problem,
    attack: Attack,
    targets: Sequence[float],
    radii: Sequence[float],
    *,
    tolerance: float = 1e-3,
    seed: int = 0,
) -> list[MinEffort]:
    """The smallest perturbation by ``attack`` for each of ``targets``.

    Args:
        problem: budget, deviation and learner.
        attack: proposes.
        targets: effects to be reached.
        radii: increasing radii of the common pass.
        tolerance: relative accuracy of the size along the direction that was found.
        seed: decides the attack's generators.
    """
    started, queries = time.process_time(), problem.queries
    seen = value_function(problem, attack, radii, seed=seed)
    common = time.process_time() - started, problem.queries - queries
    found = []
    for target in targets:
        started, queries = time.process_time(), problem.queries
        reaching = np.flatnonzero(seen.values >= target)
        best = seen.perturbations[int(reaching[0]) if len(reaching) else -1]
        if len(reaching):
            best = _shortened(problem, best, target, tolerance, seed)
            below = problem.max_effect(attack, _BELOW * problem.budget.size(best), seed=seed)
            if below.effect >= target:
                best = _shortened(problem, below.perturbation, target, tolerance, seed)
        found.append(
            MinEffort(
                best,
                problem.budget.size(best),
                bool(len(reaching)),
                common[1] + problem.queries - queries,
                common[0] + time.process_time() - started,
            )
        )
    return found


def _shortened(
    problem: Problem, perturbation: np.ndarray, target: float, tolerance: float, seed: int
) -> np.ndarray:
    outcome = problem.min_effort(
        FixedDirections([perturbation]),
        target,
        largest=problem.budget.size(perturbation),
        tolerance=tolerance,
        seed=seed,
    )
    # At its own size rounding may undo what the perturbation itself did.
    return outcome.perturbation if outcome.reached else perturbation
