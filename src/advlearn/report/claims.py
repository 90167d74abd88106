"""From the tests of a claim to its verdict."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple

from advlearn.report.equivalence import check_smallest
from advlearn.report.paired import LEVEL, Effect, check_share
from advlearn.support.errors import UserError


class Verdict(StrEnum):
    """What the numbers say of a claim."""

    HOLDS = "holds"
    REFUTED = "refuted"
    NOT_DECIDED = "not decided"
    NOT_TESTABLE = "not testable"


class Reason(StrEnum):
    """Why a verdict is what it is."""

    GAIN = "the effect is above zero"
    LOSS = "the effect is below zero"
    TOO_SMALL = "a gain of the smallest size of interest is excluded"
    OPEN = "neither zero nor a gain of interest is excluded"
    TOO_FEW_SEEDS = "an effect of the smallest size of interest would be missed too often"
    NO_INTERVAL = "fewer than two seeds, or no spread over the seeds"
    INSIDE = "the effect is shown to lie in the range that is claimed"
    OUTSIDE = "the interval lies outside the range that is claimed"
    STRADDLES = "the interval holds effects inside and outside the range that is claimed"


class Judgement(NamedTuple):
    """A verdict with its reason."""

    verdict: Verdict
    reason: Reason


def judge(
    effect: Effect,
    *,
    p: float,
    p_no_gain: float,
    smallest: float,
    detectable: float,
    level: float = LEVEL,
) -> Judgement:
    """The verdict on the claim that an effect is a gain, by the first line that applies.

    ============  ==================================================================
    not testable  there is no interval
    refuted       the effect is below zero: p < level, interval below zero
    refuted       a gain of interest is excluded: p_no_gain < level
    holds         the effect is above zero: p < level, interval above zero
    not decided   none of these, though the smallest effect of interest is detectable
    not testable  none of these, and it is not: the seeds are too few to tell
    ============  ==================================================================

    A gain that is above zero and excluded to be of interest refutes the claim: the smallest effect
    of interest is what the claim means by a gain. It is fixed before the numbers are seen, and so
    is the family over which the p-values are adjusted. What keeps a claim from being tested at all
    (a number that the paper does not give) is the caller's verdict. The rule follows Lakens, Scheel
    and Isager, *Equivalence testing for psychological research*, Advances in Methods and Practices
    in Psychological Science 1, 2018.

    Args:
        effect: the comparison, oriented so that the claim is a gain.
        p: two-sided p-value of no effect, adjusted for its family, in [0, 1].
        p_no_gain: p-value of "the gain is at least ``smallest``"
            (:func:`advlearn.report.equivalence.two_one_sided`), adjusted for its family.
        smallest: smallest effect of interest, above 0, in the unit of the effect.
        detectable: minimum detectable effect
            (:func:`advlearn.report.power.minimum_detectable_effect`), above 0.
        level: level of all tests, in (0, 1).

    Raises:
        UserError: an argument is outside its range; where the effect has no interval, p, p_no_gain
            and detectable are not looked at.
    """
    check_share(level, "the level", "use 0.05")
    check_smallest(smallest)
    if not effect.known:
        return Judgement(Verdict.NOT_TESTABLE, Reason.NO_INTERVAL)
    _check_tests(detectable, p=p, p_no_gain=p_no_gain)
    if p < level and effect.high < 0:
        return Judgement(Verdict.REFUTED, Reason.LOSS)
    if p_no_gain < level:
        return Judgement(Verdict.REFUTED, Reason.TOO_SMALL)
    if p < level and effect.low > 0:
        return Judgement(Verdict.HOLDS, Reason.GAIN)
    if detectable <= smallest:
        return Judgement(Verdict.NOT_DECIDED, Reason.OPEN)
    return Judgement(Verdict.NOT_TESTABLE, Reason.TOO_FEW_SEEDS)


def judge_range(
    effect: Effect,
    *,
    low: float,
    high: float,
    p_inside: float,
    smallest: float,
    detectable: float,
    level: float = LEVEL,
) -> Judgement:
    """The verdict on the claim that an effect lies in a range, by the first line that applies.

    ============  ==================================================================
    not testable  there is no interval
    holds         the effect lies inside: p_inside < level
    refuted       the interval lies outside
    not decided   neither, though the smallest effect of interest is detectable
    not testable  neither, and it is not: the seeds are too few to tell
    ============  ==================================================================

    For claims that are none of a gain: "nothing of interest is lost" is the range from -smallest
    up, "nothing of interest changes" that from -smallest to +smallest.

    Args:
        effect: the comparison.
        low: lower end of the range, in the unit of the effect; may be infinite.
        high: upper end, above ``low``; may be infinite.
        p_inside: p-value of "the effect lies outside the range", adjusted for its family.
        smallest: smallest effect of interest, above 0.
        detectable: minimum detectable effect, above 0.
        level: level of the test, in (0, 1).

    Raises:
        UserError: an argument is outside its range; where the effect has no interval, p_inside and
            detectable are not looked at.
    """
    check_share(level, "the level", "use 0.05")
    check_smallest(smallest)
    if not low < high:
        raise UserError(
            "the range of a claim begins below its end",
            where=f"from {low} to {high}",
            remedy="give the lower end first",
        )
    if not effect.known:
        return Judgement(Verdict.NOT_TESTABLE, Reason.NO_INTERVAL)
    _check_tests(detectable, p_inside=p_inside)
    if p_inside < level:
        return Judgement(Verdict.HOLDS, Reason.INSIDE)
    if effect.high < low or effect.low > high:
        return Judgement(Verdict.REFUTED, Reason.OUTSIDE)
    if detectable <= smallest:
        return Judgement(Verdict.NOT_DECIDED, Reason.STRADDLES)
    return Judgement(Verdict.NOT_TESTABLE, Reason.TOO_FEW_SEEDS)


def _check_tests(detectable: float, **p: float) -> None:
    right = all(0 <= each <= 1 for each in p.values())
    if not (right and detectable > 0) or math.isinf(detectable):
        given = ", ".join(f"{name} {value}" for name, value in p.items())
        raise UserError(
            "a verdict needs p-values in [0, 1] and a detectable effect above 0",
            where=f"{given}, detectable {detectable}",
            remedy="compute them from the same differences as the effect",
        )
