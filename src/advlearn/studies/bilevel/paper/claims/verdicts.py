"""Tests, corrections and verdicts of study 3's claims (docs/studies/bilevel-protocol.md)."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr

from advlearn.report.claims import Judgement, Verdict, judge, judge_range
from advlearn.report.crossed import two_way_bootstrap
from advlearn.report.equivalence import two_one_sided
from advlearn.report.frames import records
from advlearn.report.multiplicity import benjamini_hochberg, holm
from advlearn.report.paired import LEVEL, Effect
from advlearn.report.power import minimum_detectable_effect
from advlearn.studies.bilevel.paper.claims import measure, sizes, victims
from advlearn.studies.bilevel.paper.claims.claim import (
    FAMILIES,
    GAINS,
    PROVED,
    SMALLEST,
    Claim,
    Counted,
)
from advlearn.studies.bilevel.paper.words import SAY
from advlearn.studies.bilevel.schema import BilevelTidy

COLUMNS = (
    "family claim words test weights method clusterer kind within_low within_high smallest mean"
    " ci_low ci_high n units seeds bounded p p_holm p_bh p_no_gain p_no_gain_holm p_no_gain_bh"
    " p_no_loss p_margin p_margin_holm p_margin_bh equivalence_low equivalence_high detectable"
    " against verdict reason sentence"
).split()
NOT_RUN = "the run has no numbers for it"
BOUNDED = "a size is the largest radius tried, so that the effect is smaller than said"
BOUNDED_LOW = "a size is the largest radius tried, so that the effect is larger than said"
SAME = "the two do not differ in any comparison"
_SIZES = ["mean", "ci_low", "ci_high", "equivalence_low", "equivalence_high", "detectable"]
_UNTESTED = {
    "one-model": (
        "adversarial attacks are cases of one bilevel model",
        "a form is no number; the presets of the library name the cases and their solvers",
    ),
    "calm": (
        "calmness of the solution mapping explains robustness",
        "the bounds on the solution are proved; that they are the reason is no number",
    ),
}
"""What the paper's summary says and no number decides: words and reason."""


class Tested(NamedTuple):
    """All claims of a run.

    Attributes:
        frame: `COLUMNS`, one row a claim. Effects of kind ``ratio`` are geometric means, with
            bounds; the others differences, shares or Kendall's tau. Counted claims have the cases
            in ``n`` and those that contradict them in ``against``. p_margin: p-value of "the gain
            is at least the smallest of interest", or, where a range is claimed, of "the effect lies
            outside it".
        rows: rows of tidy tables behind the numbers: claim, table and row.
    """

    frame: pd.DataFrame
    rows: pd.DataFrame


@lru_cache(maxsize=2)
def tested(tidy: BilevelTidy) -> Tested:
    """Test every claim, correct the p-values, and judge.

    The primary family is corrected by Holm, all tests together by Benjamini and Hochberg; a test
    that cannot be made counts with p = 1. Counted claims have no test.
    """
    made = [
        *sizes.claims(tidy),
        *measure.claims(tidy),
        *victims.claims(tidy),
        *victims.poisoning(tidy),
    ]
    counts = [*measure.counted(tidy), *sizes.counted(tidy)]
    tests = sum(claim.family == "primary" for claim in made)
    both = [_line(claim, tests if claim.family == "primary" else 1) for claim in made]
    frame = _corrected(pd.DataFrame([line for line, _ in both], columns=COLUMNS))
    judged = [
        _judged(claim, effect, row)
        for claim, (_, effect), row in zip(made, both, records(frame), strict=True)
    ]
    frame["verdict"] = [str(verdict) for verdict, _ in judged]
    frame["reason"] = [reason for _, reason in judged]
    ratios = frame["kind"] == "ratio"
    for name in (*_SIZES, "smallest"):
        frame.loc[ratios, name] = np.exp(frame.loc[ratios, name].astype(float))
    rest = [*map(_counted_line, counts), *_untested_lines()]
    parts = [each for each in (frame, pd.DataFrame(rest)) if len(each)]
    frame = pd.concat([each.dropna(axis="columns", how="all") for each in parts], ignore_index=True)
    frame = frame.reindex(columns=COLUMNS)
    frame = frame.sort_values(
        "family", key=lambda names: names.map(list(FAMILIES).index), kind="stable"
    ).reset_index(drop=True)
    frame = frame.astype(dict.fromkeys(["n", "units", "seeds", "bounded", "against"], "Int64"))
    frame["sentence"] = [SAY.claim_sentence(row) for row in records(frame)]
    every: list[Claim | Counted] = [*made, *counts]
    behind = [
        {"claim": claim.id, "table": table, "row": int(row)}
        for claim in every
        for table, rows in claim.rows.items()
        for row in rows
    ]
    return Tested(frame, pd.DataFrame(behind, columns=["claim", "table", "row"]))


def _line(claim: Claim, tests: int) -> tuple[dict[str, Any], Effect]:
    """Numbers of a claim; what is detectable, at the level of one of so many tests."""
    values, smallest = claim.values, SMALLEST[claim.kind]
    found = two_way_bootstrap(values["value"], values["unit"], values["seed"])
    effect = found.effect
    equivalence = two_one_sided(effect, smallest)
    margin = equivalence.p_no_gain
    if claim.within != GAINS:
        margin = _outside(effect, *claim.within)
    detectable = math.nan
    if effect.known:
        detectable = minimum_detectable_effect(effect.spread, effect.n, level=LEVEL / tests)
    line = {
        "family": claim.family,
        "claim": claim.id,
        "words": claim.words,
        "test": claim.test,
        "weights": claim.weights,
        "method": claim.method,
        "clusterer": claim.clusterer,
        "kind": claim.kind,
        "within_low": claim.within[0],
        "within_high": claim.within[1],
        "smallest": smallest,
        "mean": effect.mean,
        "ci_low": effect.low,
        "ci_high": effect.high,
        "n": claim.n,
        "units": found.images,
        "seeds": found.seeds,
        "bounded": claim.bounded,
        # That an effect is not 0 is not what a range claims.
        "p": effect.p if claim.within == GAINS else math.nan,
        "p_no_gain": equivalence.p_no_gain,
        "p_no_loss": equivalence.p_no_loss,
        "p_margin": margin,
        "equivalence_low": equivalence.low,
        "equivalence_high": equivalence.high,
        "detectable": detectable,
    }
    return line, effect


def _outside(effect: Effect, low: float, high: float) -> float:
    """One-sided p-value of "the effect lies below ``low`` or above ``high``"."""
    if not effect.known:
        return math.nan
    error = effect.spread / math.sqrt(effect.n)
    ends = [(low - effect.mean) / error, (effect.mean - high) / error]
    return max(float(stdtr(effect.n - 1, end)) for end in ends)


def _corrected(frame: pd.DataFrame) -> pd.DataFrame:
    primary = (frame["family"] == "primary").to_numpy()
    for name in ("p", "p_no_gain", "p_margin"):
        given = frame[name].astype(float).fillna(1.0).to_numpy()
        # What claims a range has no test of "no effect".
        there = np.array([name != "p" or low == 0 for low in frame["within_low"]], dtype=bool)
        adjusted = np.full(len(frame), np.nan)
        if primary.any():
            adjusted[primary] = holm(given[primary])
        frame[f"{name}_holm"] = adjusted
        frame[f"{name}_bh"] = np.nan
        if there.any():
            frame.loc[there, f"{name}_bh"] = benjamini_hochberg(given[there])
    return frame


def _judged(claim: Claim, effect: Effect, row: dict[str, Any]) -> tuple[Verdict, str]:
    correction = "holm" if claim.family == "primary" else "bh"
    margin, smallest = row[f"p_margin_{correction}"], row["smallest"]
    found: Judgement
    if claim.within == GAINS:
        found = judge(
            effect,
            p=row[f"p_{correction}"],
            p_no_gain=margin,
            smallest=smallest,
            detectable=row["detectable"],
        )
    else:
        found = judge_range(
            effect,
            low=claim.within[0],
            high=claim.within[1],
            p_inside=margin,
            smallest=smallest,
            detectable=row["detectable"],
        )
    if effect.spread == 0 and effect.mean == 0 and effect.n > 1:
        return Verdict.NOT_TESTABLE, SAME
    large = claim.id.startswith(sizes.LARGE)
    if claim.bounded and large and found.verdict is Verdict.HOLDS:
        # A size that no attack reached is taken as small as it may be, in favour of the claim.
        return Verdict.NOT_TESTABLE, BOUNDED
    if claim.bounded and not large and found.verdict is Verdict.REFUTED:
        return Verdict.NOT_TESTABLE, BOUNDED_LOW
    return found.verdict, str(found.reason)


def _counted_line(claim: Counted) -> dict[str, Any]:
    proved = claim.family == "proved"
    if claim.against:
        verdict = str(Verdict.REFUTED)
        reason = "proof or code is wrong" if proved else "there are cases in which it is not so"
    elif proved:
        verdict, reason = PROVED, claim.why
    elif claim.cases:
        verdict, reason = str(Verdict.NOT_DECIDED), "no case of the run contradicts it"
    else:
        verdict, reason = str(Verdict.NOT_TESTABLE), NOT_RUN
    return {
        "family": claim.family,
        "claim": claim.id,
        "words": claim.words,
        "test": claim.test,
        "weights": "none",
        "method": "none",
        "clusterer": "none",
        "kind": "cases",
        "n": claim.cases,
        "against": claim.against,
        "verdict": verdict,
        "reason": reason,
    }


def _untested_lines() -> list[dict[str, Any]]:
    return [
        {
            "family": "untested",
            "claim": name,
            "words": words,
            "test": "none",
            "weights": "none",
            "method": "none",
            "clusterer": "none",
            "kind": "none",
            "verdict": str(Verdict.NOT_TESTABLE),
            "reason": reason,
        }
        for name, (words, reason) in _UNTESTED.items()
    ]


def primary_counts(tidy: BilevelTidy) -> list[tuple[str, int]]:
    """How often each verdict occurs in the primary family."""
    frame = tested(tidy).frame
    found = frame.loc[frame["family"] == "primary", "verdict"]
    return [(str(each), int((found == str(each)).sum())) for each in Verdict]
