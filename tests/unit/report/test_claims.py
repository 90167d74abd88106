from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advlearn.report.claims import Judgement, Reason, Verdict, judge
from advlearn.report.equivalence import two_one_sided
from advlearn.report.paired import Effect, paired_t
from advlearn.report.power import minimum_detectable_effect
from advlearn.support.errors import UserError

SMALLEST = 0.056


def judged(differences: list[float], *, factor: int = 1) -> Judgement:
    """The verdict on one claim of a family of ``factor``, all of them alike."""
    effect = paired_t(differences)
    return judge(
        effect,
        p=min(1.0, factor * effect.p),
        p_no_gain=min(1.0, factor * two_one_sided(effect, SMALLEST).p_no_gain),
        smallest=SMALLEST,
        detectable=minimum_detectable_effect(effect.spread, effect.n),
    )


@pytest.mark.parametrize(
    ("differences", "verdict", "reason"),
    [
        ([0.08, 0.09, 0.07, 0.10, 0.06], Verdict.HOLDS, Reason.GAIN),
        ([0.04, 0.06, 0.05, 0.07, 0.05], Verdict.HOLDS, Reason.GAIN),
        ([-0.08, -0.09, -0.07, -0.10, -0.06], Verdict.REFUTED, Reason.LOSS),
        ([0.001, -0.002, 0.0, 0.003, 0.001], Verdict.REFUTED, Reason.TOO_SMALL),
        # Above zero, and excluded to be of interest.
        ([0.010, 0.011, 0.009, 0.012, 0.010], Verdict.REFUTED, Reason.TOO_SMALL),
        # Below zero, though not clearly: a gain of interest is excluded all the same.
        ([-0.03, 0.01, -0.04, 0.02, -0.01], Verdict.REFUTED, Reason.TOO_SMALL),
        ([0.04, 0.06, -0.01, 0.06, -0.02, 0.06], Verdict.NOT_DECIDED, Reason.OPEN),
        ([0.2, -0.1, 0.15, -0.05, 0.1], Verdict.NOT_TESTABLE, Reason.TOO_FEW_SEEDS),
        ([0.08], Verdict.NOT_TESTABLE, Reason.NO_INTERVAL),
        ([0.0, 0.0, 0.0], Verdict.NOT_TESTABLE, Reason.NO_INTERVAL),
        ([0.08, 0.08, 0.08], Verdict.NOT_TESTABLE, Reason.NO_INTERVAL),
    ],
)
def test_verdicts(differences: list[float], verdict: Verdict, reason: Reason) -> None:
    assert judged(differences) == (verdict, reason)


def test_a_large_family_takes_a_verdict_away() -> None:
    gain, nothing = [0.03, 0.06, 0.08, 0.05, 0.11], [0.03, -0.03, 0.0, 0.04, 0.01]
    assert judged(gain).verdict == Verdict.HOLDS
    assert judged(gain, factor=12).verdict in {Verdict.NOT_DECIDED, Verdict.NOT_TESTABLE}
    assert judged(nothing).verdict == Verdict.REFUTED
    assert judged(nothing, factor=12).verdict in {Verdict.NOT_DECIDED, Verdict.NOT_TESTABLE}


@given(st.lists(st.floats(-0.3, 0.3), min_size=2, max_size=8), st.integers(1, 20))
def test_what_a_verdict_says_is_true_of_the_interval(differences: list[float], family: int) -> None:
    effect, found = paired_t(differences), judged(differences, factor=family)
    if found.reason == Reason.GAIN:
        assert effect.low > 0
        assert effect.mean > 0
    if found.reason == Reason.LOSS:
        assert effect.high < 0
    if found.reason == Reason.TOO_SMALL:
        assert two_one_sided(effect, SMALLEST).high < SMALLEST
    assert (found.reason == Reason.NO_INTERVAL) == (not effect.known)
    # The same claim about the conditions exchanged cannot hold as well.
    turned = judged([-each for each in differences], factor=family)
    assert {found.verdict, turned.verdict} != {Verdict.HOLDS}
    assert found.verdict != Verdict.HOLDS or turned.verdict == Verdict.REFUTED


def test_wrong_verdicts_are_as_rare_as_the_level() -> None:
    generator = np.random.default_rng(5)
    none = generator.normal(0.0, 0.03, size=(2500, 6))
    gain = generator.normal(SMALLEST, 0.03, size=(2500, 6))
    holds = np.mean([judged(list(each)).verdict == Verdict.HOLDS for each in none])
    refuted = np.mean([judged(list(each)).verdict == Verdict.REFUTED for each in gain])
    assert holds < 0.035
    assert refuted < 0.065


EFFECT = Effect(mean=0.01, spread=0.02, n=5, low=-0.01, high=0.03, p=0.3)


def test_a_small_p_of_another_test_does_not_outweigh_the_interval() -> None:
    for mean in (0.01, -0.01):
        effect = EFFECT._replace(mean=mean, low=mean - 0.02, high=mean + 0.02)
        found = judge(effect, p=0.001, p_no_gain=0.2, smallest=SMALLEST, detectable=0.03)
        assert found == (Verdict.NOT_DECIDED, Reason.OPEN)


@pytest.mark.parametrize(
    "wrong",
    [
        {"p": math.nan},
        {"p": 1.2},
        {"p_no_gain": -0.1},
        {"p_no_gain": math.nan},
        {"detectable": 0.0},
        {"detectable": math.nan},
        {"detectable": math.inf},
        {"smallest": 0.0},
        {"smallest": math.nan},
        {"level": 0.0},
    ],
)
def test_what_no_verdict_can_be_made_of_is_refused(wrong: dict[str, float]) -> None:
    given = {"p": 0.3, "p_no_gain": 0.2, "smallest": SMALLEST, "detectable": 0.03}
    with pytest.raises(UserError, match=str(next(iter(wrong.values())))):
        judge(EFFECT, **{**given, **wrong})


def test_verdicts_are_the_words_of_the_tables() -> None:
    assert [str(each) for each in Verdict] == ["holds", "refuted", "not decided", "not testable"]
