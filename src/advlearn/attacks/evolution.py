"""CMA-ES: evolution of a normal distribution towards high values of a function without gradient.

The (mu/mu_w, lambda) strategy with cumulation, rank-one and rank-mu updates of the covariance, with
the settings of Hansen, *The CMA Evolution Strategy: A Tutorial*, arXiv 1604.00772, 2016. It is
here, and not from a package, because a few of its hundred lines are all that an attack needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advlearn.support.errors import UserError

Array = NDArray[np.float64]


class CmaEs:
    """Ask for points, tell their values, again and again; larger values are better.

    Args:
        start: mean of the first distribution, (m,) finite, m >= 1.
        step: its standard deviation in every coordinate, > 0.
        generator: source of all randomness.
        population: points a generation, >= 2; 4 + 3 ln m by default.

    Attributes:
        mean: of the distribution, (m,).
        step: overall step.
        covariance: (m, m), without the step.

    Raises:
        UserError: a start or step that is none, or a population of one.
    """

    def __init__(
        self,
        start: ArrayLike,
        step: float,
        generator: np.random.Generator,
        population: int | None = None,
    ) -> None:
        self.mean: Array = np.array(start, dtype=np.float64)
        m = self.mean.size
        self.population = population or 4 + int(3 * math.log(max(m, 1)))
        finite = self.mean.ndim == 1 and m > 0 and bool(np.isfinite(self.mean).all())
        if not (finite and 0 < step < math.inf and self.population >= 2):
            raise UserError(
                "CMA-ES needs a finite start, a step above 0 and two points a generation",
                where=f"start of shape {self.mean.shape}, step {step}, population {population}",
                remedy="start at the middle of what is searched, with a third of its width as step",
            )
        self.step, self.generator = float(step), generator
        self.covariance: Array = np.eye(m)
        self._settings(m)
        self._step_path, self._path = np.zeros(m), np.zeros(m)
        self._generations = 0
        self._axes, self._lengths = np.eye(m), np.ones(m)

    def ask(self) -> Array:
        """The points of the next generation, (population, m)."""
        drawn = self.generator.standard_normal((self.population, self.mean.size))
        return np.asarray(self.mean + self.step * (drawn * self._lengths) @ self._axes.T)

    def tell(self, points: Array, values: Sequence[float] | Array) -> None:
        """Move the distribution towards the better half of the points of `ask`.

        Args:
            points: (population, m), as asked for.
            values: of each, finite; of equal values the first point counts as better.

        Raises:
            UserError: another number of values, or one that is not finite.
        """
        told = np.asarray(values, dtype=np.float64)
        if told.shape != (self.population,) or not np.isfinite(told).all():
            raise UserError(
                "CMA-ES needs one finite value for each point that it asked for",
                where=f"values of shape {told.shape} for {self.population} points",
                remedy="bound the function, for example by a large negative number",
            )
        m, best = self.mean.size, np.argsort(-told, kind="stable")[: len(self._weights)]
        steps = (np.asarray(points)[best] - self.mean) / self.step
        towards = self._weights @ steps
        self.mean = self.mean + self.step * towards
        self._generations += 1
        whitened = self._axes @ ((self._axes.T @ towards) / self._lengths)
        self._step_path = (1 - self._c_step) * self._step_path + math.sqrt(
            self._c_step * (2 - self._c_step) * self._effective
        ) * whitened
        length = float(np.linalg.norm(self._step_path))
        correction = math.sqrt(1 - (1 - self._c_step) ** (2 * self._generations))
        # While the step grows fast, the path of the covariance waits.
        moving = length / correction / self._expected < 1.4 + 2 / (m + 1)
        self._path = (1 - self._c_path) * self._path
        if moving:
            weight = math.sqrt(self._c_path * (2 - self._c_path) * self._effective)
            self._path = self._path + weight * towards
        lost = 0.0 if moving else self._c_path * (2 - self._c_path)
        self.covariance = (
            (1 - self._c_one - self._c_mu + self._c_one * lost) * self.covariance
            + self._c_one * np.outer(self._path, self._path)
            + self._c_mu * (steps * self._weights[:, None]).T @ steps
        )
        self.step *= math.exp(
            min(1.0, self._c_step / self._damping * (length / self._expected - 1))
        )
        values_of, self._axes = np.linalg.eigh(0.5 * (self.covariance + self.covariance.T))
        self._lengths = np.sqrt(np.maximum(values_of, 1e-20))

    def _settings(self, m: int) -> None:
        """Weights and rates of the tutorial (table 1), for m coordinates."""
        half = self.population // 2
        raw = math.log((self.population + 1) / 2) - np.log(np.arange(1, half + 1))
        self._weights: Array = raw / raw.sum()
        self._effective = 1 / float(np.square(self._weights).sum())
        mu = self._effective
        self._c_step = (mu + 2) / (m + mu + 5)
        self._damping = 1 + 2 * max(0.0, math.sqrt((mu - 1) / (m + 1)) - 1) + self._c_step
        self._c_path = (4 + mu / m) / (m + 4 + 2 * mu / m)
        self._c_one = 2 / ((m + 1.3) ** 2 + mu)
        self._c_mu = min(1 - self._c_one, 2 * (mu - 2 + 1 / mu) / ((m + 2) ** 2 + mu))
        # Expected length of a standard normal vector.
        self._expected = math.sqrt(m) * (1 - 1 / (4 * m) + 1 / (21 * m**2))
