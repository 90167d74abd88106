"""Curves through measured costs: a start and a power of the size, value = a + b n^p."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

POWERS = np.round(np.arange(0.1, 3.5001, 0.01), 2)
_FEWEST = 3


@dataclass(frozen=True)
class Curve:
    """``start + factor * n ** power``.

    Attributes:
        start: what even the smallest size costs.
        factor: not negative.
        power: the exponent.
        low: smallest exponent of the fits that leave one size out; as ``power`` where there are
            too few sizes to leave one out.
        high: the largest one.
        error: largest relative difference of the curve and a measured value.
    """

    start: float
    factor: float
    power: float
    low: float
    high: float
    error: float

    def at(self, n: float) -> float:
        """The value of the curve at a size."""
        return float(self.start + self.factor * n**self.power)

    def reaches(self, value: float) -> float:
        """The size at which the curve comes to a value; infinite if it never does."""
        if self.factor <= 0:
            return float("inf")
        return float(max((value - self.start) / self.factor, 0.0) ** (1 / self.power))


def fit(sizes: np.ndarray, values: np.ndarray) -> Curve | None:
    """The curve of the smallest squared relative error; none for fewer than three sizes.

    Args:
        sizes: (m,) positive, all different.
        values: (m,) positive.
    """
    if len(sizes) < _FEWEST:
        return None
    power, start, factor = _best(sizes, values)
    low = high = power
    if len(sizes) > _FEWEST:
        others = [
            _best(np.delete(sizes, out), np.delete(values, out))[0] for out in range(len(sizes))
        ]
        low, high = min(power, *others), max(power, *others)
    curve = start + factor * sizes**power
    return Curve(start, factor, power, low, high, float(np.abs(curve / values - 1).max()))


def _best(sizes: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """Exponent, start and factor: the exponent tried on a grid, the others by least squares."""
    found = []
    for power in POWERS:
        terms = np.stack([np.ones(len(sizes)), sizes**power], axis=1) / values[:, None]
        # Columns of one size, else the smaller one is lost in rounding.
        scale = np.linalg.norm(terms, axis=0)
        weights, residual = nnls(terms / scale, np.ones(len(sizes)))
        found.append((residual, float(power), *(weights / scale)))
    _, power, start, factor = min(found)
    return power, float(start), float(factor)
