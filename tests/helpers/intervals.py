"""Intervals of one list of numbers, by the textbook: what the report must agree with.

The intervals over runs assume that the runs are independent draws of one normal
distribution; they are not clipped to [0, 1], since a bound outside says that the assumption is
strained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev

from scipy import special

from advlearn.support.errors import UserError


@dataclass(frozen=True)
class Interval:
    """A mean with bounds.

    Attributes:
        mean: the mean of the values.
        low: lower bound, NaN where one value alone gives none.
        high: upper bound, NaN where one value alone gives none.
        n: number of values.
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def known(self) -> bool:
        """Whether there are bounds at all."""
        return not math.isnan(self.low)

    def contains(self, value: float) -> bool:
        """Whether ``value`` lies inside the closed interval; False where there are no bounds."""
        return self.known and self.low <= value <= self.high


def t_quantile(confidence: float, freedom: int) -> float:
    """The two-sided Student-t quantile: ``P(|T| <= t) = confidence`` for ``freedom`` degrees."""
    return float(special.stdtrit(freedom, 0.5 + confidence / 2))


def mean_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Mean with its Student-t interval, ``mean +- t * s / sqrt(n)``.

    Args:
        values: one value a run, finite, at least one.
        confidence: coverage in (0, 1).

    Returns:
        The interval; its bounds are NaN for one value.

    Raises:
        UserError: no values, a value that is not finite, or a confidence outside (0, 1).
    """
    numbers = _checked(values, confidence)
    return _around(numbers, confidence, 1 / len(numbers))


def prediction_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Interval in which one further run falls, ``mean +- t * s * sqrt(1 + 1/n)``.

    This, not the interval of the mean, is what a single published run has to be compared with.
    Arguments, result and errors as in `mean_interval`.
    """
    numbers = _checked(values, confidence)
    return _around(numbers, confidence, 1 + 1 / len(numbers))


def paired_difference(
    first: Sequence[float], second: Sequence[float], confidence: float = 0.95
) -> Interval:
    """Mean of ``first - second`` pair by pair, with the Student-t interval of the differences.

    Args:
        first: one value a run.
        second: the value of the same run (same seed) under the other condition.
        confidence: coverage in (0, 1).

    Raises:
        UserError: the two have different lengths; else as in `mean_interval`.
    """
    if len(first) != len(second):
        raise UserError(
            "paired values must come in pairs",
            where=f"paired_difference: {len(first)} and {len(second)} values",
            remedy="give one value of each condition for every seed",
        )
    return mean_interval([a - b for a, b in zip(first, second, strict=True)], confidence)


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Share of successes with the score interval of Wilson (1927), for accuracies over images.

    Args:
        successes: number of successes, in 0..trials.
        trials: number of trials, at least one.
        confidence: coverage in (0, 1).

    Returns:
        Interval within [0, 1]; its ``mean`` is the plain share, its ``n`` the trials.

    Raises:
        UserError: the counts are impossible, or the confidence is outside (0, 1).
    """
    _check_confidence(confidence)
    if trials < 1 or not 0 <= successes <= trials:
        raise UserError(
            "the successes must be between 0 and the number of trials, and there must be a trial",
            where=f"wilson_interval: successes={successes}, trials={trials}",
            remedy="give counts of images",
        )
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / scale
    # At 0 and at all successes the bound is exactly 0 or 1; rounding must not move it inside.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return Interval(share, low, high, trials)


def _around(numbers: list[float], confidence: float, variance_factor: float) -> Interval:
    n = len(numbers)
    mean = fmean(numbers)
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1)
    half = t_quantile(confidence, n - 1) * stdev(numbers) * math.sqrt(variance_factor)
    return Interval(mean, mean - half, mean + half, n)


def _checked(values: Sequence[float], confidence: float) -> list[float]:
    _check_confidence(confidence)
    numbers = [float(value) for value in values]
    if not numbers or not all(math.isfinite(number) for number in numbers):
        raise UserError(
            "an interval needs at least one value, and finite values only",
            where=f"values: {numbers}",
            remedy="leave out the cells that did not run before asking for an interval",
        )
    return numbers


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise UserError(
            "the confidence must lie between 0 and 1",
            where=f"confidence: {confidence}",
            remedy="use 0.95 for a 95 % interval",
        )
