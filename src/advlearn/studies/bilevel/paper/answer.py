"""The answer of study 3, and its part of the page of all findings."""

from __future__ import annotations

from advlearn.report.answers import Answer, Findings, of_count, seeds_in_words
from advlearn.report.bounded import clopper_pearson
from advlearn.report.numbers import ABSENT
from advlearn.report.page import Rows
from advlearn.studies.bilevel.paper.checks import ABSTRACT_CLAIM, Check, checks
from advlearn.studies.bilevel.paper.verdict import (
    certificate_sentences,
    contradiction,
    staircase_sentences,
)
from advlearn.studies.bilevel.schema import BilevelTidy

_PAPER = "Zheng and Li 2025, arXiv 2510.25121"
_CLAIM = "A clustering withstands small perturbations of its data and changes under larger ones."
_TABLE = "bilevel_staircase"


def answer(run: BilevelTidy) -> Answer:
    """In how many value functions the abstract's claim is seen."""
    check = checks(run)[ABSTRACT_CLAIM]
    seen = check.cases - check.violations
    share = clopper_pearson(seen, check.cases).iloc[0]
    return of_count(
        seen,
        check.cases,
        (float(share["ci_low"]), float(share["ci_high"])),
        paper=_PAPER,
        claim=_CLAIM,
        table=_TABLE,
        cases="value functions",
        data=f"{len(run.study.datasets)} data sets, {seeds_in_words(run.study.seeds)}",
        warning=contradiction(run),
    )


def findings(run: BilevelTidy) -> Findings:
    """The abstract's claim, what the run says of it, and what is proved with the code checked."""
    found = checks(run)
    proved = [check for name, check in found.items() if name != ABSTRACT_CLAIM]
    return Findings(
        answer(run),
        _rows([found[ABSTRACT_CLAIM]]),
        [*staircase_sentences(run), *certificate_sentences(run)],
        _rows(proved),
    )


def _rows(found: list[Check]) -> Rows:
    rows = [
        [claim, origin, f"{cases:,}", f"{violations:,}" if cases else ABSENT]
        for claim, origin, cases, violations in found
    ]
    return ["claim", "whose", "cases", "not so in"], rows
