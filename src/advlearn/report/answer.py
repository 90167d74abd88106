"""The answer of a study: the paper's central claim, the verdict, and one number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from advlearn.report.claims import Verdict
from advlearn.report.frames import records

_COUNTED = {
    Verdict.HOLDS: "{} hold",
    Verdict.REFUTED: "{} are refuted",
    Verdict.NOT_DECIDED: "{} are not decided",
    Verdict.NOT_TESTABLE: "{} are not testable",
}


class Answer(NamedTuple):
    """What a study says of its paper, in one row.

    Attributes:
        claim: the central claim of the paper, a phrase.
        verdict: what the numbers say of it.
        number: one number with its interval and unit, as readers see it; empty where there is none.
        about: what the number is, and how many tests stand behind the verdict.
        table: name of the table in which it stands.
    """

    claim: str
    verdict: Verdict
    number: str
    about: str
    table: str


def answer_of_family(
    claim: str, frame: pd.DataFrame, shown: Callable[[Mapping[str, Any]], str], table: str
) -> Answer:
    """The answer that a family of claims gives together.

    The claim holds where all of the family do, and is refuted where some are and none holds. The
    number is that of the test nearest to another verdict: the weakest where the claim holds, the
    strongest where it is refuted.

    Args:
        claim: the central claim.
        frame: the claims of the family, one row each, of one unit: words, mean (oriented so that a
            larger one is better for the claim), verdict.
        shown: a row's effect with its interval and unit.
        table: name of the table that has these rows.
    """
    counts = {verdict: int((frame["verdict"] == verdict).sum()) for verdict in Verdict}
    verdict = _together(counts, len(frame))
    tested = frame[frame["verdict"] == verdict].dropna(subset=["mean"])
    tested = tested if len(tested) else frame.dropna(subset=["mean"])
    ordered = tested.sort_values("mean", ascending=verdict is Verdict.HOLDS, kind="stable")
    nearest = next(iter(records(ordered.head(1))), None)
    said = ", ".join(_COUNTED[name].format(count) for name, count in counts.items() if count)
    about = f"Of {len(frame)} tests {said}."
    if nearest is not None:
        about += f" The number is of the one nearest to another verdict: {nearest['words']}."
    return Answer(claim, verdict, shown(nearest) if nearest else "", about, table)


def _together(counts: Mapping[Verdict, int], number: int) -> Verdict:
    if number and counts[Verdict.HOLDS] == number:
        return Verdict.HOLDS
    if counts[Verdict.REFUTED] and not counts[Verdict.HOLDS]:
        return Verdict.REFUTED
    if counts[Verdict.NOT_TESTABLE] == number:
        return Verdict.NOT_TESTABLE
    return Verdict.NOT_DECIDED


def answer_of_counts(claim: str, cases: int, against: int, about: str, table: str) -> Answer:
    """The answer where every case either agrees with the claim or contradicts it.

    Args:
        claim: the central claim.
        cases: how many could contradict it.
        against: how many do.
        about: what a case is.
        table: name of the table or figure that shows them.
    """
    if not cases:
        return Answer(claim, Verdict.NOT_TESTABLE, "", f"The run has no {about}.", table)
    verdict = Verdict.REFUTED if against else Verdict.HOLDS
    return Answer(claim, verdict, f"so in {cases - against:,} of {cases:,}", f"{about}.", table)
