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
    if not (0 <= p <= 1 and 0 <= p_no_gain <= 1 and detectable > 0) or math.isinf(detectable):
        raise UserError(
            "a verdict needs p-values in [0, 1] and a detectable effect above 0",
            where=f"p {p}, p_no_gain {p_no_gain}, detectable {detectable}",
            remedy="compute them from the same differences as the effect",
        )
    if p < level and effect.high < 0:
        return Judgement(Verdict.REFUTED, Reason.LOSS)
    if p_no_gain < level:
        return Judgement(Verdict.REFUTED, Reason.TOO_SMALL)
    if p < level and effect.low > 0:
        return Judgement(Verdict.HOLDS, Reason.GAIN)
    if detectable <= smallest:
        return Judgement(Verdict.NOT_DECIDED, Reason.OPEN)
    return Judgement(Verdict.NOT_TESTABLE, Reason.TOO_FEW_SEEDS)
