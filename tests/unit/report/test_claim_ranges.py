"""Claims that an effect lies in a range: none lost, none changed, a fall."""

from __future__ import annotations

import math

import pytest

from advlearn.report.claims import Judgement, Reason, Verdict, judge_range
from advlearn.report.equivalence import two_one_sided
from advlearn.report.paired import paired_t
from advlearn.report.power import minimum_detectable_effect
from advlearn.support.errors import UserError

SMALLEST = 0.05
NO_LOSS, SAME, FALL = (-SMALLEST, math.inf), (-SMALLEST, SMALLEST), (-math.inf, -SMALLEST)


def judged(differences: list[float], within: tuple[float, float]) -> Judgement:
    effect = paired_t(differences)
    sides = two_one_sided(effect, SMALLEST)
    p = {NO_LOSS: sides.p_no_loss, SAME: sides.p, FALL: 1 - sides.p_no_loss}[within]
    return judge_range(
        effect,
        low=within[0],
        high=within[1],
        p_inside=p,
        smallest=SMALLEST,
        detectable=minimum_detectable_effect(effect.spread, effect.n),
    )


@pytest.mark.parametrize(
    ("differences", "within", "verdict", "reason"),
    [
        ([0.0, 0.01, -0.01, 0.005], NO_LOSS, Verdict.HOLDS, Reason.INSIDE),
        ([0.3, 0.31, 0.29, 0.305], NO_LOSS, Verdict.HOLDS, Reason.INSIDE),
        ([-0.3, -0.31, -0.29, -0.305], NO_LOSS, Verdict.REFUTED, Reason.OUTSIDE),
        ([0.0, 0.01, -0.01, 0.005], SAME, Verdict.HOLDS, Reason.INSIDE),
        ([0.3, 0.31, 0.29, 0.305], SAME, Verdict.REFUTED, Reason.OUTSIDE),
        ([-0.3, -0.31, -0.29, -0.305], SAME, Verdict.REFUTED, Reason.OUTSIDE),
        ([-0.3, -0.31, -0.29, -0.305], FALL, Verdict.HOLDS, Reason.INSIDE),
        ([0.0, 0.01, -0.01, 0.005], FALL, Verdict.REFUTED, Reason.OUTSIDE),
        ([-0.04, -0.06, -0.05, -0.055], SAME, Verdict.NOT_DECIDED, Reason.STRADDLES),
        ([-0.04, -0.06, -0.05, -0.055], FALL, Verdict.NOT_DECIDED, Reason.STRADDLES),
        ([-0.3, 0.3, 0.1, -0.2], SAME, Verdict.NOT_TESTABLE, Reason.TOO_FEW_SEEDS),
        ([-0.3, -0.3, -0.3], FALL, Verdict.NOT_TESTABLE, Reason.NO_INTERVAL),
        ([0.1], NO_LOSS, Verdict.NOT_TESTABLE, Reason.NO_INTERVAL),
    ],
)
def test_verdicts(
    differences: list[float], within: tuple[float, float], verdict: Verdict, reason: Reason
) -> None:
    assert judged(differences, within) == (verdict, reason)


def test_a_correction_takes_a_verdict_away() -> None:
    effect = paired_t([0.0, 0.01, -0.01, 0.005])
    known = {"smallest": SMALLEST, "detectable": 0.02, "low": -SMALLEST, "high": SMALLEST}
    assert judge_range(effect, p_inside=0.049, **known).verdict == Verdict.HOLDS
    assert judge_range(effect, p_inside=0.05, **known).verdict == Verdict.NOT_DECIDED


@pytest.mark.parametrize(
    "wrong",
    [
        {"p_inside": 1.5},
        {"p_inside": math.nan},
        {"detectable": math.inf},
        {"low": 0.05},
        {"smallest": 0.0},
        {"level": 1.0},
    ],
)
def test_wrong_arguments(wrong: dict[str, float]) -> None:
    known = {
        "low": -0.05, "high": 0.05, "p_inside": 0.2, "smallest": 0.05, "detectable": 0.1,
    }  # fmt: skip
    with pytest.raises(UserError):
        judge_range(paired_t([0.1, 0.2, 0.3]), **{**known, **wrong})
