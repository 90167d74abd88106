"""The end of a run: verdicts, places and what to do next, on one screen."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from advlearn.report.answers import Answer, Number
from advlearn.report.claims import Verdict
from advlearn.stages.summary import place_lines, summary, verdict_lines
from advlearn.studies import studies
from advlearn.support.errors import UserError
from scripts import pages
from tests.helpers.bilevel_run import write_bilevel, write_published

ROWS, COLUMNS = 24, 80
PROMPT = 1
"""Row on which the shell asks for the next command."""


def test_unfinished_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not finished") as caught:
        summary(run=tmp_path)
    assert "make demo" in caught.value.remedy


def long_answer(verdict: Verdict) -> Answer:
    """As long as an answer may be: each part is as long as the longest of the studies."""
    number = Number(-14.869, -12.865, 17.184, "times TkMIA's L2 norm in accuracy", "difference")
    return Answer(
        paper="Rasheed and Khan 2023",
        claim="One random cluster of adversarial images trains a more robust network than all of"
        " them, and than as many random ones.",
        verdict=verdict,
        held=3,
        total=12,
        cases="value functions",
        table="selective_claims",
        number=number,
        role="largest effect of the 12 that do not hold",
        reason="an effect of the smallest size of interest would be missed too often",
        warning="This run used the data set digits. The published numbers belong to another one.",
    )


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_longest_answers_fit_one_screen(verdict: Verdict) -> None:
    found = [(study, long_answer(verdict)) for study in studies()]
    lines = [*verdict_lines("demo", found), "", *place_lines([Path("results/demo/r.html")], found)]
    assert len(lines) + PROMPT <= ROWS
    assert max(map(len, lines)) <= COLUMNS
    said = " ".join("\n".join(lines).split())
    assert said.count(str(verdict).upper()) == 3
    assert said.count("Read with care: This run used") == 3


@pytest.mark.slow
def test_the_shipped_answers_fit_one_screen() -> None:
    found = [(study, each.answer) for study, each in pages.all_findings()]
    lines = verdict_lines("demo", found)
    assert len(lines) <= 14
    assert max(map(len, lines)) <= COLUMNS
    said = " ".join(" ".join(lines).split())
    for number, (_, answer) in enumerate(found, start=1):
        assert f"{number}. {answer.claim}" in said
        assert f"{str(answer.verdict).upper()}{answer.tally}" in said
        assert answer.number is not None
        assert answer.number.value in said


def test_a_run_of_one_study_says_its_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    published = write_published(tmp_path / "published")
    run = tmp_path / "mine"
    write_bilevel(run / "tidy", seeds=[0], datasets=["blobs"], drawn=[])
    (run / "report-bilevel.html").touch()
    summary(run=run, published=published)
    said = capsys.readouterr().out
    assert said.startswith("What the run mine says of the papers:\n1. A clustering withstands")
    assert "NOT TESTABLE: holds in 0 of 4 comparisons" in " ".join(said.split())
    assert f"Report:  {run / 'report-bilevel.html'}" in said
    assert "make explain WHAT=bilevel_claims RUN=mine" in said


def test_an_answer_without_a_number_says_why() -> None:
    (study, *_) = studies()
    answer = Answer("A 2023", "It is so.", Verdict.NOT_TESTABLE, 0, 2, "cases", "t", reason="why",
                    number=Number(0.1, math.nan, math.nan, "x", "ratio"))  # fmt: skip
    assert "NOT TESTABLE: holds in 0 of 2 cases; why" in verdict_lines("a", [(study, answer)])[-1]


def test_a_study_that_was_run_alone_is_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever there is of the others."""
    write_bilevel(tmp_path / "tidy", seeds=[0], datasets=["blobs"], drawn=[])
    (tmp_path / "tidy" / "topk_images.csv").write_text("half\n")
    with pytest.raises(UserError, match="not finished"):
        summary(run=tmp_path)
    (tmp_path / "report-bilevel.html").touch()
    summary(run=tmp_path)
    text = capsys.readouterr().out
    assert str(tmp_path / "report-bilevel.html") in text
    assert str(tmp_path / "report.html") not in text
    assert text.startswith("What the run")
    assert "A clustering withstands" in text
