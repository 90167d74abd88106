"""Every claim with its test, its corrected p-values and its verdict: one row a claim."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from advlearn.report.claims import Judgement, Verdict, judge, judge_range
from advlearn.report.equivalence import two_one_sided
from advlearn.report.frames import records
from advlearn.report.multiplicity import benjamini_hochberg, holm
from advlearn.report.paired import LEVEL, MOST_SEEDS, Effect, paired_t, sign_flip
from advlearn.report.power import minimum_detectable_effect
from advlearn.studies.selective.paper.claims.catalogue import GAINS, Claim, claims, primary
from advlearn.studies.selective.paper.claims.comparisons import (
    ADVERSARIAL,
    NOTHING,
    Comparison,
    Evaluation,
    evaluation,
    strong_evaluation,
)
from advlearn.studies.selective.paper.universe_protocol import UniverseProtocol
from advlearn.studies.selective.paper.universe_set import (
    Averaged,
    Weights,
    average,
    members,
    weights_of,
)
from advlearn.studies.selective.schema import SelectiveTidy

COLUMNS = (
    "family claim words place test within_low within_high set n_universes smallest mean ci_low"
    " ci_high n first fewest_images most_images"
    " lowest_universe highest_universe images steps p p_exact p_holm p_bh p_no_gain p_no_loss"
    " p_margin p_margin_holm p_margin_bh equivalence_low equivalence_high detectable"
    " detectable_corrected checks failed_checks worst_mean worst_low worst_high worst_n verdict"
    " reason"
).split()
NOT_RUN = "the run has no such comparison"
_HOLM: dict[str, int] = {"primary": 10, "prediction": 2}
"""Families with Holm's correction, and how many tests each has."""
_BESIDE = ["first", "images", "steps"]
_NO_EFFECT = Effect(math.nan, math.nan, 0, math.nan, math.nan, math.nan)
_ITERATIVE = "iterative_not_weaker"
"""The check of the strong attacks that the protocol counts: an iterative attack and one step."""
_AT_ONCE = ("primary", "secondary", "standard")
"""Families whose comparisons are corrected together by Benjamini and Hochberg."""


class Verdicts(NamedTuple):
    """All claims of a run.

    Attributes:
        frame: `COLUMNS`, one row a claim. ``p`` is that of the two-sided paired t test of no
            effect, ``p_exact`` that of the exact test that turns signs. ``p_margin`` belongs to the
            one-sided test at the smallest effect of interest that the verdict uses: for a claim of
            a gain, that the gain is as large; for other claims, that the effect lies outside the
            range that is claimed.
            ``worst_mean`` is the effect in the worst case of the strong attacks, for claims about
            robust networks, with its interval and seeds.
        rows: the rows of ``selective_metrics`` behind the effects: claim, ``row``.
        checks: those of ``selective_sanity`` behind the checks: claim, ``row``.
        strong_checks: those of ``selective_strength`` behind the checks: claim, ``row``.
        strong: those of ``selective_strength`` behind the worst cases: claim, ``row``.
    """

    frame: pd.DataFrame
    rows: pd.DataFrame
    checks: pd.DataFrame
    strong_checks: pd.DataFrame
    strong: pd.DataFrame


@lru_cache(maxsize=2)
def verdicts(tidy: SelectiveTidy) -> Verdicts:
    """Test every claim of the catalogue in its set of universes, and correct the p-values.

    Effects are averaged over the set within each seed and tested over the seeds. The primary family
    and the prediction have Holm's correction inside the family; all comparisons but the prediction,
    the primary ones among them, have that of Benjamini and Hochberg together. A comparison that
    cannot be made counts with p = 1.
    """
    lines, known = [], []
    behind_all: dict[str, list[pd.DataFrame]] = {name: [] for name in Verdicts._fields[1:]}
    for set_ in _sets(tidy):
        data = evaluation(tidy).of(set_.weights)
        strong = strong_evaluation(tidy).of(set_.weights)
        for claim in set_.claims:
            made = claim.compare(data) if claim.compare else NOTHING
            averaged = average(made.seeds, set_.weights, beside=_BESIDE)
            values = averaged.seeds["value"].to_numpy(float)
            if claim.family == "standard" and not len(values):
                continue  # only the universes of the sets owe every cell of the paper
            effect = paired_t(values) if len(values) else _NO_EFFECT
            own, stronger = _checks(tidy, averaged, claim)
            worst, strong_rows = _worst_case(claim, strong, set_.weights)
            behind = _rows(made, averaged)
            passed = pd.concat([own["passed"], stronger["passed"]])
            lines.append(
                {
                    **_about(claim, set_.name),
                    **_numbers(claim, averaged, effect),
                    **_sizes(tidy, behind),
                    **worst,
                    "checks": len(passed),
                    "failed_checks": int((passed != 1).sum()),
                }
            )
            known.append((claim, effect, _untestable(claim, data, set_, effect)))
            found = {
                "rows": behind,
                "checks": pd.DataFrame({"row": own.index}),
                "strong_checks": pd.DataFrame({"row": stronger.index}),
                "strong": strong_rows,
            }
            for name, part in found.items():
                behind_all[name].append(part.assign(claim=claim.id))
    frame = _corrected(pd.DataFrame(lines))
    judged = [
        _judged(claim, effect, line, untestable)
        for (claim, effect, untestable), line in zip(known, records(frame), strict=True)
    ]
    frame["verdict"] = [str(verdict) for verdict, _ in judged]
    frame["reason"] = [reason for _, reason in judged]
    order = [claim.id for claim in claims()]
    frame = frame.sort_values(
        "claim",
        key=lambda ids: ids.map(lambda id_: order.index(id_) if id_ in order else len(order)),
        kind="stable",
        ignore_index=True,
    )
    parts = {name: pd.concat(each, ignore_index=True) for name, each in behind_all.items()}
    return Verdicts(frame[COLUMNS], **parts)


class _Set(NamedTuple):
    """A set of universes with the claims that are tested in it."""

    name: str
    weights: Weights
    claims: list[Claim]


def _sets(tidy: SelectiveTidy) -> Iterator[_Set]:
    of_set = {name: weights_of(tidy, name) for name in ("plausible", "fixed", "following")}
    for name, weights in of_set.items():
        yield _Set(name, weights, [claim for claim in claims() if claim.of == name])
    inside = {pair.universe for weights in of_set.values() for pair in weights}
    for universe in tidy.study.universes:
        if universe not in inside:
            pair = UniverseProtocol(universe, tidy.study.protocol_of(universe))
            yield _Set(universe, {pair: 1.0}, list(primary(f"{universe}-H", "standard")))


def _about(claim: Claim, name: str) -> dict[str, Any]:
    return {
        "family": claim.family,
        "claim": claim.id,
        "words": claim.words,
        "place": claim.place,
        "test": claim.test,
        "within_low": claim.within[0],
        "within_high": claim.within[1],
        "set": name,
        "smallest": claim.smallest,
    }


def _numbers(claim: Claim, averaged: Averaged, effect: Effect) -> dict[str, float]:
    equivalence = two_one_sided(effect, claim.smallest)
    margin = {
        GAINS: equivalence.p_no_gain,
        (-claim.smallest, math.inf): equivalence.p_no_loss,
        (-claim.smallest, claim.smallest): equivalence.p,
        (-math.inf, -claim.smallest): 1 - equivalence.p_no_loss,
    }
    several = len(averaged.universes) > 1
    flips = 1 < effect.n <= MOST_SEEDS
    tests = _HOLM.get(claim.family)
    return {
        "n_universes": len(averaged.universes),
        "mean": effect.mean,
        "ci_low": effect.low,
        "ci_high": effect.high,
        "n": effect.n,
        **averaged.seeds[_BESIDE].mean(),
        "lowest_universe": averaged.universes.min() if several else math.nan,
        "highest_universe": averaged.universes.max() if several else math.nan,
        "p": effect.p,
        "p_exact": sign_flip(averaged.seeds["value"]) if flips else math.nan,
        "p_no_gain": equivalence.p_no_gain,
        "p_no_loss": equivalence.p_no_loss,
        "p_margin": margin[claim.within],
        "equivalence_low": equivalence.low,
        "equivalence_high": equivalence.high,
        "detectable": _detectable(effect, LEVEL),
        "detectable_corrected": _detectable(effect, LEVEL / tests) if tests else math.nan,
    }


def _detectable(effect: Effect, level: float) -> float:
    return minimum_detectable_effect(effect.spread, effect.n, level=level) if effect.n else math.nan


def _checks(
    tidy: SelectiveTidy, averaged: Averaged, claim: Claim
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The checks behind a claim: of the evaluation, and of its iterative attack beside one step."""
    universes = {pair.universe for pair in averaged.universes.index}
    own, strong = (
        frame[frame["universe"].isin(universes) & frame["attack"].isin(claim.attacks)]
        for frame in (tidy["selective_sanity"], tidy["selective_strength"])
    )
    return own, strong[strong["check"] == _ITERATIVE]


def _worst_case(
    claim: Claim, strong: Evaluation, weights: Weights
) -> tuple[dict[str, float], pd.DataFrame]:
    """The effect of a claim under the strong attacks, where it has one, and the rows behind it."""
    made = claim.strong(strong) if claim.strong else NOTHING
    averaged = average(made.seeds, weights, beside=_BESIDE)
    values = averaged.seeds["value"].to_numpy(float)
    effect = paired_t(values) if len(values) else _NO_EFFECT
    numbers = {"worst_mean": effect.mean, "worst_low": effect.low, "worst_high": effect.high}
    return {**numbers, "worst_n": effect.n}, _rows(made, averaged)


def _rows(made: Comparison, averaged: Averaged) -> pd.DataFrame:
    used = members(made.rows, dict.fromkeys(averaged.universes.index, 1.0))
    return used.loc[used["seed"].isin(averaged.seeds.index), ["row"]].drop_duplicates()


def _sizes(tidy: SelectiveTidy, behind: pd.DataFrame) -> dict[str, float]:
    """Sizes of the selections behind an effect: their mean hides two kinds."""
    rows = tidy["selective_metrics"].loc[behind["row"].astype(int)]
    sizes = rows.loc[rows["rule"].isin(["random", "nearest"]), "n_selected"]
    return {"fewest_images": sizes.min(), "most_images": sizes.max()}


def _corrected(frame: pd.DataFrame) -> pd.DataFrame:
    for name in ("p", "p_margin"):
        counted = frame[name].fillna(1.0).to_numpy(float)
        adjusted = {"holm": np.full(len(frame), np.nan), "bh": np.full(len(frame), np.nan)}
        for family in _HOLM:
            mine = (frame["family"] == family).to_numpy()
            adjusted["holm"][mine] = holm(counted[mine])
        together = frame["family"].isin(_AT_ONCE).to_numpy()
        adjusted["bh"][together] = benjamini_hochberg(counted[together])
        for correction, values in adjusted.items():
            frame[f"{name}_{correction}"] = values
    return frame


def _untestable(claim: Claim, data: Evaluation, of: _Set, effect: Effect) -> str:
    """Why a claim cannot be tested, where that is not for the seeds; else empty."""
    if claim.reason:
        return claim.reason
    if not of.weights:
        return f"the run has no universe in the set '{of.name}'"
    if not effect.n:
        return NOT_RUN
    if claim.same_model and effect.spread == 0 and effect.mean == 0:
        trained = average(data.model(ADVERSARIAL, claim.attacks[0], "all"), of.weights).seeds
        return (
            "both select the same images and are one model; over the seeds adversarial training"
            f" alone has a standard deviation of {trained['value'].std():.3f}"
        )
    return ""


def _judged(
    claim: Claim, effect: Effect, line: dict[str, Any], untestable: str
) -> tuple[Verdict, str]:
    if untestable:
        return Verdict.NOT_TESTABLE, untestable
    correction = "holm" if claim.family in _HOLM else "bh"
    margin = line[f"p_margin_{correction}"]
    smallest, detectable = line["smallest"], line["detectable"]
    low, high = claim.within
    found: Judgement
    if claim.within == GAINS:
        found = judge(
            effect,
            p=line[f"p_{correction}"],
            p_no_gain=margin,
            smallest=smallest,
            detectable=detectable,
        )
    else:
        found = judge_range(
            effect, low=low, high=high, p_inside=margin, smallest=smallest, detectable=detectable
        )
    return found.verdict, str(found.reason)
