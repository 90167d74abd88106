"""One verdict and one number from the rows of a family of claims."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advlearn.report.answers import Answer, Number, of_family, universal
from advlearn.report.claims import Verdict

HOLDS, REFUTED, OPEN, UNTESTED = map(str, Verdict)
ABOUT: dict[str, Any] = {"paper": "A 2023", "claim": "It is so.", "table": "t"}
VERDICTS = st.lists(st.sampled_from([str(each) for each in Verdict]), max_size=12)


def family(*rows: tuple[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "claim": f"H{number}",
                "verdict": verdict,
                "reason": f"why {number}",
                "mean": mean,
                "ci_low": mean - 0.1,
                "ci_high": mean + 0.1,
            }
            for number, (verdict, mean) in enumerate(rows, start=1)
        ],
        columns=["claim", "verdict", "reason", "mean", "ci_low", "ci_high"],
    )


def answer(*rows: tuple[str, float]) -> Answer:
    return of_family(family(*rows), unit="in accuracy", kind="difference", **ABOUT)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, REFUTED, OPEN, UNTESTED], REFUTED),
        ([HOLDS, OPEN], OPEN),
        ([HOLDS, UNTESTED], OPEN),
        ([OPEN, UNTESTED], OPEN),
        ([UNTESTED, UNTESTED], UNTESTED),
        ([], UNTESTED),
    ],
)
def test_a_claim_of_all_comparisons_needs_each_of_them(verdicts: list[str], expected: str) -> None:
    assert universal(verdicts) == expected


@given(VERDICTS)
def test_the_order_of_comparisons_does_not_matter(verdicts: list[str]) -> None:
    assert universal(verdicts) == universal(sorted(verdicts)) == universal(verdicts[::-1])


def test_where_it_holds_the_smallest_effect_decides() -> None:
    found = answer((HOLDS, 0.3), (HOLDS, 0.2), (HOLDS, 0.9))
    assert (found.verdict, found.held, found.total, found.row) == (HOLDS, 3, 3, "H2")
    assert found.tally == " in 3 of 3 comparisons"
    assert found.measured == "smallest effect +0.200 [+0.100, +0.300] in accuracy"
    assert found.reason == "why 2"


def test_where_all_refute_it_the_largest_effect_decides() -> None:
    found = answer((REFUTED, -0.3), (REFUTED, 0.01), (REFUTED, -0.1))
    assert (found.verdict, found.held, found.row) == (REFUTED, 0, "H2")
    assert found.tally == ": holds in 0 of 3 comparisons"
    assert found.measured == "largest effect +0.010 [−0.090, +0.110] in accuracy"


def test_an_effect_of_another_verdict_is_not_the_one_that_refutes() -> None:
    found = answer((HOLDS, 0.9), (REFUTED, -0.3), (REFUTED, -0.2), (OPEN, 0.1))
    assert (found.verdict, found.held, found.row) == (REFUTED, 1, "H3")
    assert found.measured.startswith("largest effect of the 2 refuted −0.200")


def test_where_the_rest_cannot_be_tested_what_holds_is_shown() -> None:
    found = answer((HOLDS, 0.9), (UNTESTED, 0.1), (HOLDS, 0.4), (UNTESTED, math.nan))
    assert (found.verdict, found.held, found.row) == (OPEN, 2, "H3")
    assert found.measured.startswith(
        "the other 2 not testable; smallest effect where it holds +0.400"
    )
    assert found.reason == "why 2"


def test_what_cannot_be_tested_says_why() -> None:
    assert answer((UNTESTED, 0.2)).measured == "why 1"
    found = answer((UNTESTED, math.nan), (UNTESTED, math.nan))
    assert (found.number, found.measured) == (None, "why 1")
    assert answer().measured == "the run has no comparisons"
    assert answer().verdict == UNTESTED


def test_ratios_have_no_sign() -> None:
    assert str(Number(1.5, 1.25, 2.0, "times", "ratio")) == "1.500 [1.250, 2.000] times"
    assert Number(0.5, math.nan, math.nan, "times", "ratio").value == "0.500"
