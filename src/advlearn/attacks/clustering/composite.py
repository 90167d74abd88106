"""Attacks made of parts: fixed directions, and several attacks as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from advlearn.attacks.clustering.common import Problem
from advlearn.problem import Attack


@dataclass(frozen=True, eq=False)
class FixedDirections:
    """Multiples of given perturbations, scaled to the radius.

    Args:
        directions: perturbations (n, d) of positive size, which need not be the same.
    """

    directions: Sequence[np.ndarray]

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """Each direction at size ``tau``."""
        budget = problem.budget.scaled(tau)
        for direction in self.directions:
            size = budget.size(direction)
            if size > 0 and np.isfinite(size):
                yield budget.project(direction * (tau / size))


@dataclass(frozen=True)
class CombinedAttack:
    """The candidates of several attacks, one after the other."""

    attacks: Sequence[Attack]

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """Those of each attack, in the given order."""
        for attack in self.attacks:
            yield from attack.candidates(problem, tau, generator)
