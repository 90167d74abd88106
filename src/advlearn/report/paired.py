"""Two conditions compared on the same seeds: the effect, its interval, its p-value.

A comparison is given by the differences, one a seed: the value under the condition of the claim
minus the value under its control, so that a claim of a gain is a claim of a mean above zero. The
unit is the seed: what is concluded holds for further seeds on the same split of the same data.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from advlearn.support.errors import UserError

LEVEL = 0.05
MOST_SEEDS = 20
"""The exact test tries both signs of every difference: a million cases for so many."""
_ROUNDING = 1e-12  # differences of shares are wrong by less than this, and images by more


class Effect(NamedTuple):
    """The mean difference between two conditions over seeds.

    Attributes:
        mean: mean difference.
        spread: standard deviation of the differences, with n - 1; NaN for one seed.
        n: number of seeds; of a mean with another error, its degrees of freedom plus 1.
        low: lower bound of the interval of the mean; NaN where there is no spread.
        high: upper bound.
        p: two-sided p-value of a mean of zero; NaN where it is not known.
    """

    mean: float
    spread: float
    n: float
    low: float
    high: float
    p: float

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not math.isnan(self.low)


def paired_t(differences: ArrayLike, *, level: float = LEVEL) -> Effect:
    """Student's paired t test and the interval that belongs to it.

    Assumes differences that are independent draws of one normal distribution. Source: Student,
    *The probable error of a mean*, Biometrika 6, 1908.

    One seed has a mean only. Differences that are all the same number, to 1e-12, have no spread to
    judge by: spread 0 and no bounds, since a seed that differs cannot be excluded; p is 1 if that
    number is zero and NaN else. :func:`sign_flip` does without the spread.

    Args:
        differences: (n,) one a seed, finite, n at least 1.
        level: the interval has the confidence 1 - level; in (0, 1).

    Raises:
        UserError: no differences, one that is not finite, another shape, or a level outside (0, 1).
    """
    check_share(level, "the level", "use 0.05 for an interval of 95 %")
    given = _checked(differences)
    n, mean = len(given), float(given.mean())
    if n == 1:
        return Effect(mean, math.nan, 1, math.nan, math.nan, math.nan)
    if np.ptp(given) <= _ROUNDING:
        p = 1.0 if np.abs(given).max() <= _ROUNDING else math.nan
        return Effect(mean, 0.0, n, math.nan, math.nan, p)
    spread = float(given.std(ddof=1))
    error = spread / math.sqrt(n)
    half = float(stdtrit(n - 1, 1 - level / 2)) * error
    p = 2 * float(stdtr(n - 1, -abs(mean) / error))
    return Effect(mean, spread, n, mean - half, mean + half, p)


def sign_flip(differences: ArrayLike) -> float:
    """Two-sided p-value of the exact permutation test of paired differences.

    Under the hypothesis that the conditions do not differ, each difference has either sign with
    the same probability; p is the share of the 2^n choices of signs whose mean is at least as far
    from zero as the one seen. Assumes independent seeds and nothing of the distribution. Source:
    Fisher, *The Design of Experiments*, section 21, 1935.

    The smallest p is 2 / 2^n: 0.0625 for five seeds, which no level of 0.05 reaches, 0.002 for ten.
    One seed, or differences of zero alone, have p = 1.

    Args:
        differences: (n,) one a seed, finite, 1 to `MOST_SEEDS`.

    Returns:
        p in (0, 1].

    Raises:
        UserError: no differences, one that is not finite, another shape, or too many.
    """
    given = _checked(differences)
    if len(given) > MOST_SEEDS:
        raise UserError(
            "the exact test is for few seeds",
            where=f"{len(given)} differences; {MOST_SEEDS} at most",
            remedy="use paired_t: with so many seeds a mean is close to normal",
        )
    # The other half of the choices are these with all signs turned, equally far from zero.
    sums = given[:1]
    for difference in given[1:]:
        sums = np.concatenate([sums + difference, sums - difference])
    # Sums that are equal but for rounding are ties, and a tie is as far from zero as the one seen.
    seen = abs(given.sum()) - _ROUNDING * np.abs(given).sum()
    return float(np.mean(np.abs(sums) >= seen))


def check_share(value: float, what: str, remedy: str) -> None:
    """Refuse a level or a power outside (0, 1).

    Raises:
        UserError: names it as ``what``.
    """
    if not 0 < value < 1:
        raise UserError(f"{what} lies between 0 and 1", where=f"{value}", remedy=remedy)


def _checked(differences: ArrayLike) -> np.ndarray:
    given = np.array(differences, dtype=float)
    if given.ndim != 1 or not len(given):
        raise UserError(
            "a paired comparison needs one difference a seed, and one seed at least",
            where=f"differences of shape {given.shape}",
            remedy="leave out comparisons that were not run",
        )
    wrong = np.flatnonzero(~np.isfinite(given))
    if len(wrong):
        raise UserError(
            "a difference is not a finite number",
            where=f"difference {wrong[0]} of {len(given)}, counted from 0: {given[wrong[0]]}",
            remedy="leave out the seeds that lack one of the two conditions",
        )
    return given
