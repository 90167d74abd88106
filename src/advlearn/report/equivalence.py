"""What a comparison excludes: that an effect as large as one of interest exists."""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.special import stdtr, stdtrit

from advlearn.report.paired import LEVEL, Effect, check_share
from advlearn.support.errors import UserError


class Equivalence(NamedTuple):
    """The two one-sided tests of an effect against a smallest effect of interest.

    Attributes:
        low: lower bound of the interval with the confidence 1 - 2 level.
        high: upper bound.
        p_no_gain: p-value of "the effect is at least +smallest"; small where a gain is excluded.
        p_no_loss: p-value of "the effect is at most -smallest"; small where a loss is excluded.
    """

    low: float
    high: float
    p_no_gain: float
    p_no_loss: float

    @property
    def p(self) -> float:
        """p-value of "the effect is at least as large as the smallest of interest, either way".

        Below the level exactly where the interval lies inside (-smallest, +smallest).
        """
        # Both are missing together.
        return max(self.p_no_gain, self.p_no_loss)


def two_one_sided(effect: Effect, smallest: float, *, level: float = LEVEL) -> Equivalence:
    """Test whether an effect is too small to be of interest.

    Assumes what :func:`advlearn.report.paired.paired_t` assumes. Neither of the two tests needs a
    correction for the other, since at most one of their hypotheses is true. Source: Schuirmann, *A
    comparison of the two one-sided tests procedure and the power approach*, Journal of
    Pharmacokinetics and Biopharmaceutics 15, 1987.

    Args:
        effect: the comparison.
        smallest: smallest effect of interest, in the unit of the effect, finite and above 0.
        level: in (0, 0.5); the interval has the confidence 1 - 2 level.

    Returns:
        The tests; all NaN where the effect has no interval (one seed, or no spread).

    Raises:
        UserError: the smallest effect is not above 0, or the level is outside (0, 0.5).
    """
    check_share(2 * level, "twice the level", "use 0.05: two tests, an interval of 90 %")
    check_smallest(smallest)
    if not effect.known:
        return Equivalence(math.nan, math.nan, math.nan, math.nan)
    error = effect.spread / math.sqrt(effect.n)
    half = float(stdtrit(effect.n - 1, 1 - level)) * error
    return Equivalence(
        effect.mean - half,
        effect.mean + half,
        float(stdtr(effect.n - 1, (effect.mean - smallest) / error)),
        float(stdtr(effect.n - 1, (-effect.mean - smallest) / error)),
    )


def check_smallest(smallest: float) -> None:
    """Refuse a smallest effect of interest that is none.

    Raises:
        UserError: it is not finite, or not above 0.
    """
    if not (math.isfinite(smallest) and smallest > 0):
        raise UserError(
            "the smallest effect of interest is a number above 0",
            where=f"smallest effect: {smallest}",
            remedy="give the smallest gain that would matter, as 0.056 for 5.6 points of accuracy",
        )
