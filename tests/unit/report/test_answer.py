from __future__ import annotations

import pandas as pd
import pytest

from advlearn.report.answer import Answer, answer_of_counts, answer_of_family
from advlearn.report.claims import Verdict


def of(*rows: tuple[str, float]) -> Answer:
    lines = [(f"test {place}", mean, verdict) for place, (verdict, mean) in enumerate(rows)]
    frame = pd.DataFrame(lines, columns=["words", "mean", "verdict"])
    return answer_of_family("it is so", frame, lambda line: f"{line['mean']:g} points", "table")


def test_a_claim_holds_where_every_test_does_and_its_weakest_is_named() -> None:
    found = of(("holds", 3.0), ("holds", 1.0), ("holds", 2.0))
    assert found.verdict is Verdict.HOLDS
    assert found.number == "1 points"
    assert "Of 3 tests 3 hold." in found.about
    assert "test 1" in found.about


def test_a_claim_is_refuted_by_its_tests_and_the_strongest_is_named() -> None:
    found = of(("refuted", -3.0), ("refuted", 0.5), ("not decided", 2.0))
    assert found.verdict is Verdict.REFUTED
    assert found.number == "0.5 points"
    assert "2 are refuted, 1 are not decided" in found.about


@pytest.mark.parametrize(
    ("verdicts", "together"),
    [
        (["holds", "refuted"], Verdict.NOT_DECIDED),
        (["holds", "not testable"], Verdict.NOT_DECIDED),
        (["not decided", "not testable"], Verdict.NOT_DECIDED),
        (["not testable", "not testable"], Verdict.NOT_TESTABLE),
        ([], Verdict.NOT_TESTABLE),
    ],
)
def test_mixed_tests_decide_nothing(verdicts: list[str], together: Verdict) -> None:
    assert of(*((name, 1.0) for name in verdicts)).verdict is together


def test_without_an_effect_there_is_no_number() -> None:
    found = of(("not testable", float("nan")))
    assert found.number == ""
    assert "nearest" not in found.about


def test_counts() -> None:
    assert answer_of_counts("c", 1200, 0, "cases", "t").number == "so in 1,200 of 1,200"
    assert answer_of_counts("c", 1200, 0, "cases", "t").verdict is Verdict.HOLDS
    refuted = answer_of_counts("c", 12, 3, "cases", "t")
    assert (refuted.verdict, refuted.number) == (Verdict.REFUTED, "so in 9 of 12")
    assert answer_of_counts("c", 0, 0, "cases", "t").verdict is Verdict.NOT_TESTABLE
