"""What a run says of each paper, and where its results are, on one screen of a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from advlearn.report.answers import Answer
from advlearn.stages.tidy_folder import PUBLISHED, open_tidy, pages_of
from advlearn.studies.base import Study
from advlearn.support.text import shown

WIDTH = 80
Found = Sequence[tuple[Study, Answer]]


def summary(
    *,
    run: Annotated[Path, typer.Option(help="folder of the run")],
    published: Annotated[Path, typer.Option(help="folder of the published numbers")] = PUBLISHED,
) -> None:
    """Print the verdict on each paper, where the results of a run are, and what to do next."""
    reports, studies = pages_of(run)
    found = [
        (study, study.load(study.answer)(open_tidy(study, run / "tidy", published)))
        for study in studies
        if study.answer
    ]
    print("\n".join([*verdict_lines(run.name, found), "", *place_lines(reports, found)]))


def verdict_lines(run: str, found: Found) -> list[str]:
    """The claim of each paper with the run's verdict on it, indented below.

    Args:
        run: name of the run.
        found: the studies with their answers.
    """
    lines = [f"What the run {run} says of the papers:"]
    for number, (_, answer) in enumerate(found, start=1):
        said = f"{str(answer.verdict).upper()}{answer.tally}; {answer.measured}"
        lines += _filled(f"{number}. ", f"{answer.claim} ({answer.paper})")
        lines += _filled("   ", said)
        if answer.warning:
            care = f"Read with care: {shown(answer.warning)}"
            lines.append(f"   {textwrap.shorten(care, WIDTH - 3, placeholder=' ...')}")
    return lines


def place_lines(reports: Sequence[Path], found: Found) -> list[str]:
    """Where the results are, and what may be done next.

    Args:
        reports: the pages of the run.
        found: the studies with their answers.
    """
    run = reports[0].parent
    lines = [f"Report:  {path}" for path in reports]
    lines += ["Beside:  paper/tables, paper/figures, tidy, and the record of the run"]
    tables = [answer.table for study, answer in found if answer.table in study.tables]
    if tables:
        lines += [f"Next:    make explain WHAT={tables[0]} RUN={run.name}"]
    return [
        *lines,
        "         docs/findings.md: the full run; docs/getting-started.md: your own data",
    ]


def _filled(first: str, text: str) -> list[str]:
    indent = " " * len(first)
    return textwrap.wrap(shown(text), WIDTH, initial_indent=first, subsequent_indent=indent)
