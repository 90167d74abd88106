"""The answer of study 2, and its part of the page of all findings."""

from __future__ import annotations

import pandas as pd

from advlearn.report.answers import Answer, Findings, of_family, seeds_in_words
from advlearn.report.claims import Reason, Verdict
from advlearn.report.frames import groups, records
from advlearn.report.numbers import with_interval
from advlearn.report.page import Rows
from advlearn.studies.topk.paper.claims import BASELINES, OWN_READING, tested
from advlearn.studies.topk.paper.labels import METHODS, SCHEMES
from advlearn.studies.topk.paper.notes import SAY
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.verdict import answer_sentences, verdict_counts, warning

_PAPER = "TkMIA, arXiv 2309.00007"
_CLAIM = (
    "TkMIA pushes chosen labels out of the top k with smaller perturbations than each of its"
    " baselines."
)
_TABLE = "topk_claims"


def answer(run: TopkTidy) -> Answer:
    """The verdict of the primary family, and the effect that decides it."""
    return of_family(
        _family(run, "primary"),
        paper=_PAPER,
        claim=_CLAIM,
        table=_TABLE,
        unit="times TkMIA's L2 norm",
        kind="ratio",
        data=f"data set {run.study.dataset['name']}, {seeds_in_words(run.study.seeds)}",
        warning=warning(run),
    )


def findings(run: TopkTidy) -> Findings:
    """The primary family, what it means, and all further claims."""
    primary, secondary, checks = (_family(run, n) for n in ("primary", "secondary", "check"))
    rivals = secondary[secondary["method"].isin(BASELINES)]
    single = rivals[(rivals["kind"] == "ratio") & (rivals["k"] != "all")]
    success = rivals[rivals["kind"] == "share"]
    meaning = [
        *answer_sentences(run),
        _own_reading(primary),
        *(_nearest(str(scheme), rows) for (scheme,), rows in groups(primary, ["scheme"])),
        _by_k(single),
        SAY.success(len(success), verdict_counts(success["verdict"])) if len(success) else "",
        _checks(checks),
    ]
    further = [secondary, checks, _family(run, "untested")]
    return Findings(
        answer(run), _rows(primary), [each for each in meaning if each], _rows(pd.concat(further))
    )


def _family(run: TopkTidy, name: str) -> pd.DataFrame:
    frame = tested(run).frame
    return frame[frame["family"] == name]


def _nearest(scheme: str, rows: pd.DataFrame) -> str:
    """The rival of a scheme whose perturbation is nearest to TkMIA's, or smaller."""
    rows = rows.dropna(subset=["mean"]).sort_values("mean", kind="stable")
    if rows.empty:
        return ""
    row = records(rows)[0]
    return str(SAY.nearest(SCHEMES(scheme), METHODS(row["method"]), row))


def _own_reading(primary: pd.DataFrame) -> str:
    """What the family says without the baseline that is a reading of this project."""
    rest = primary[primary["method"] != OWN_READING]
    if len(rest) in (0, len(primary)):
        return ""
    held = int((rest["verdict"] == str(Verdict.HOLDS)).sum())
    return str(SAY.own_reading(METHODS(OWN_READING), held, len(rest)))


def _by_k(single: pd.DataFrame) -> str:
    """The comparisons at one k, with those that do not hold."""
    if single.empty:
        return ""
    holds = single["verdict"] == str(Verdict.HOLDS)
    return str(SAY.by_k(int(holds.sum()), len(single), records(single[~holds])))


def _checks(checks: pd.DataFrame) -> str:
    """The checks of the method, with those whose effect is on the other side."""
    if checks.empty:
        return ""
    against = checks[checks["reason"] == str(Reason.LOSS)]
    held = int((checks["verdict"] == str(Verdict.HOLDS)).sum())
    return str(SAY.checks(len(checks), held, records(against)))


def _rows(frame: pd.DataFrame) -> Rows:
    rows = [
        [
            line["words"],
            with_interval(
                line["mean"], line["ci_low"], line["ci_high"], sign=line["kind"] != "ratio"
            ),
            line["verdict"],
        ]
        for line in records(frame)
    ]
    return ["claim", "effect", "verdict"], rows
