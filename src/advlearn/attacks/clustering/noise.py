"""Random noise: what a clustering withstands without an attacker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from advlearn.attacks.clustering.common import Problem


@dataclass(frozen=True)
class Noise:
    """Perturbations drawn at random from the boundary of the budget.

    Args:
        draws: how many at each radius.
    """

    draws: int = 4

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """``draws`` independent perturbations of size ``tau``."""
        for _ in range(self.draws):
            yield problem.budget.scaled(tau).random(np.shape(problem.data), generator)
