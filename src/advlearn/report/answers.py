"""The answer of a study: its paper's central claim, one verdict, and the number that decides it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import pandas as pd

from advlearn.report.claims import Verdict
from advlearn.report.frames import records
from advlearn.report.numbers import with_interval
from advlearn.report.page import Rows

Kind = Literal["difference", "ratio"]
_WHERE = {
    Verdict.REFUTED: "refuted",
    Verdict.NOT_DECIDED: "not decided",
    Verdict.NOT_TESTABLE: "not testable",
}


class Number(NamedTuple):
    """A number with its interval.

    Attributes:
        mean: the number.
        low: lower end of its 95 % interval, NaN where there is none.
        high: upper end.
        unit: what it is a number of, as words behind it: ``in adversarial accuracy``.
        kind: a difference is shown with its sign.
    """

    mean: float
    low: float
    high: float
    unit: str
    kind: Kind

    @property
    def value(self) -> str:
        """``mean [low, high]`` without the unit."""
        return with_interval(self.mean, self.low, self.high, sign=self.kind == "difference")

    def __str__(self) -> str:
        return f"{self.value} {self.unit}"


@dataclass(frozen=True)
class Answer:
    """What a run says of the central claim of a paper.

    Attributes:
        paper: who claims it, and where.
        claim: the claim, one sentence in plain words.
        verdict: what the numbers say of it.
        held: comparisons in which it holds.
        total: all comparisons that it is about.
        cases: what a comparison is called, in the plural.
        table: table of the paper in which all of them stand.
        data: data and seeds of the run, a phrase.
        row: value of the column ``claim`` of the row that ``number`` is of; empty where the table
            has no such column.
        number: the number that decides, none where no comparison could be made.
        role: which of the numbers it is, for example ``smallest effect``.
        reason: why the verdict is what it is, a phrase.
        warning: why all of this must be read with care; empty where it need not.
    """

    paper: str
    claim: str
    verdict: Verdict
    held: int
    total: int
    cases: str
    table: str
    data: str = ""
    row: str = ""
    number: Number | None = None
    role: str = ""
    reason: str = ""
    warning: str = ""

    @property
    def tally(self) -> str:
        """In how many comparisons the claim holds, as words behind the verdict."""
        counted = f"in {self.held} of {self.total} {self.cases}"
        return f" {counted}" if self.verdict is Verdict.HOLDS else f": holds {counted}"

    @property
    def measured(self) -> str:
        """The number with what it is; where nothing can be tested, or there is none, why."""
        if self.number is None or self.verdict is Verdict.NOT_TESTABLE:
            return self.reason
        return f"{self.role} {self.number}".lstrip()


@dataclass(frozen=True)
class Findings:
    """A study's part of the page of all findings.

    Attributes:
        answer: its answer.
        primary: the comparisons behind the answer.
        meaning: what they mean, sentences whose numbers are in the tables of the study.
        secondary: further claims; no rows where there are none.
    """

    answer: Answer
    primary: Rows
    meaning: list[str]
    secondary: Rows


def universal(verdicts: Iterable[str]) -> Verdict:
    """The verdict on a claim that is made for every comparison of a family.

    One comparison that refutes it refutes the whole; it holds where it does so in each. The
    p-values behind the verdicts are corrected for the family, so that one in it is not found by
    chance more often than the level of the tests says. No verdict at all is not testable.
    """
    found = {Verdict(each) for each in verdicts}
    if Verdict.REFUTED in found:
        return Verdict.REFUTED
    if found == {Verdict.HOLDS}:
        return Verdict.HOLDS
    return Verdict.NOT_TESTABLE if found <= {Verdict.NOT_TESTABLE} else Verdict.NOT_DECIDED


def of_family(
    family: pd.DataFrame,
    *,
    paper: str,
    claim: str,
    table: str,
    unit: str,
    kind: Kind,
    data: str = "",
    cases: str = "comparisons",
    warning: str = "",
) -> Answer:
    """The answer that the rows of a family of claims give.

    The number is the one that decides: the smallest effect where the claim holds, else the largest
    of those with this verdict. Where it is not decided because all that does not hold cannot be
    tested, it is the smallest of those that hold.

    Args:
        family: claim, verdict, reason, mean, ci_low, ci_high, one row a comparison; effects are
            positive, ratios above 1, where the claim is right.
        paper: who claims it.
        claim: the claim, one sentence.
        table: name of the table that the rows are of.
        unit: what an effect is a number of.
        kind: what an effect is.
        data: data and seeds of the run.
        cases: what a row is called, in the plural.
        warning: why the rows must be read with care.
    """
    verdict = universal(family["verdict"])
    holds = family["verdict"] == str(Verdict.HOLDS)
    same = family["verdict"] == str(verdict)
    answer = Answer(
        paper, claim, verdict, int(holds.sum()), len(family), cases, table, data, warning=warning
    )
    if family.empty:
        return replace(answer, reason=f"the run has no {cases}")
    partly = not same.any()
    deciding = family[holds if partly else same]
    measured = deciding.dropna(subset=["mean"]).sort_values("mean", kind="stable")
    if measured.empty:
        return replace(answer, reason=str(deciding["reason"].iloc[0]))
    least = partly or verdict is Verdict.HOLDS
    row = records(measured)[0 if least else -1]
    role = "smallest effect" if least else "largest effect"
    if partly:
        left = len(family) - len(deciding)
        role = f"the other {left} {_WHERE[Verdict.NOT_TESTABLE]}; {role} where it holds"
    elif len(deciding) < len(family):
        role += f" of the {len(deciding)} {_WHERE[verdict]}"
    return replace(
        answer,
        row=str(row["claim"]),
        number=Number(row["mean"], row["ci_low"], row["ci_high"], unit, kind),
        role=role,
        reason=str(family[~holds]["reason"].iloc[0] if partly else row["reason"]),
    )


def seeds_in_words(seeds: Sequence[int]) -> str:
    """``one seed``, or how many."""
    return "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
