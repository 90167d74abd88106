"""How small an effect a paired comparison of n seeds can show.

Source: Cohen, *Statistical Power Analysis for the Behavioral Sciences*, 1988, chapter 2. The
differences of the seeds are assumed to be independent draws of one normal distribution; the
statistic of the two-sided paired t test then has a noncentral t distribution with n - 1 degrees of
freedom and noncentrality effect sqrt(n) / spread, and its square a noncentral F distribution.
"""

from __future__ import annotations

import math

from scipy.special import chdtrc, ncfdtr, ndtr, stdtrit

from advlearn.report.paired import LEVEL
from advlearn.support.errors import UserError

LOWEST_LEVEL = 1e-4
"""Below it the distribution for two seeds is not known with care: a family of 500 tests at 0.05."""


def power(effect: float, spread: float, n: float, *, level: float = LEVEL) -> float:
    """Probability that the two-sided paired t test shows an effect.

    Args:
        effect: true mean difference, finite; its sign does not matter.
        spread: standard deviation of the differences, above 0.
        n: number of seeds, at least 2.
        level: level of the test, in [`LOWEST_LEVEL`, 1); with m tests of a family, level / m is
            the strictest step of Holm.

    Returns:
        The power, in [level, 1].

    Raises:
        UserError: an argument is outside its range.
    """
    if n < 2 or not (math.isfinite(spread) and spread > 0) or not math.isfinite(effect):
        raise UserError(
            "the power needs two seeds, a spread above 0 and a finite effect",
            where=f"effect {effect}, spread {spread}, {n} seeds",
            remedy="a comparison of one seed, or without spread, has no power to speak of",
        )
    _check_level(level)
    return _power(abs(effect) * math.sqrt(n) / spread, n - 1, level)


def minimum_detectable_effect(
    spread: float, n: float, *, at: float = 0.8, level: float = LEVEL
) -> float:
    """The effect that the two-sided paired t test shows with a given power.

    The spread of the seeds at hand stands for the true one. With five seeds the true one is 0.6 to
    2.9 times as large (95 %), with ten 0.7 to 1.8 times, and so is the effect.

    Args:
        spread: standard deviation of the differences, not negative; not looked at for one seed.
        n: number of seeds, at least 1.
        at: the power asked for, in (level, 1).
        level: level of the test, as in `power`.

    Returns:
        The effect, above 0, in the unit of the spread; NaN for one seed and for a spread of 0,
        which says nothing about the spread of further seeds.

    Raises:
        UserError: an argument is outside its range.
    """
    _check_level(level)
    if n < 1 or (n > 1 and not (math.isfinite(spread) and spread >= 0)):
        raise UserError(
            "a detectable effect needs a seed at least, and a spread that is not negative",
            where=f"spread {spread}, {n} seeds",
            remedy="give the standard deviation of the differences, and their number",
        )
    if not level < at < 1:
        raise UserError(
            "the power lies between the level and 1",
            where=f"power {at} at level {level}",
            remedy="use 0.8",
        )
    if n == 1 or spread == 0:
        return math.nan
    # Other users of this module need not wait for this import.
    from scipy.optimize import brentq

    # The power rises with the noncentrality, from the level to 1.
    highest = 1.0
    while _power(highest, n - 1, level) < at:
        highest *= 2
    noncentrality: float = brentq(lambda each: _power(each, n - 1, level) - at, 0.0, highest)
    return noncentrality * spread / math.sqrt(n)


def _power(noncentrality: float, freedom: float, level: float) -> float:
    quantile = stdtrit(freedom, 1 - level / 2)
    # The statistic is (Z + noncentrality) / sqrt(chi2 / freedom): it is small only where Z is far
    # below zero or chi2 far above its mean. Where both are out of the question the series of the
    # noncentral distribution may not converge.
    half = noncentrality / 2
    if ndtr(-half) + chdtrc(freedom, freedom * (half / quantile) ** 2) < 1e-9:
        return 1.0
    return float(1 - ncfdtr(1, freedom, noncentrality**2, quantile**2))


def _check_level(level: float) -> None:
    if not LOWEST_LEVEL <= level < 1:
        raise UserError(
            f"the level lies between {LOWEST_LEVEL} and 1",
            where=f"level {level}",
            remedy="use 0.05, or 0.05 by the number of tests",
        )
