"""Attacks made of parts: fixed directions, several attacks as one, and one on another victim."""

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


@dataclass(frozen=True, eq=False)
class HandedOver:
    """What an attack proposes on a problem whose learner it knows, tried on another learner.

    Args:
        attack: proposes.
        known: the problem that it is asked about, of the same data and kind of budget.
    """

    attack: Attack
    known: Problem

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """Those of the attack on the known problem."""
        yield from self.attack.candidates(self.known, tau, generator)
