"""The answer of study 3, and its part of the page of all findings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from advlearn.report.answers import Answer, Findings, of_family, seeds_in_words
from advlearn.report.frames import records
from advlearn.report.numbers import ABSENT, with_interval
from advlearn.report.page import Rows
from advlearn.studies.bilevel.paper.claims.verdicts import tested
from advlearn.studies.bilevel.paper.verdict import (
    certificate_sentences,
    contradiction,
    sentence_of_claims,
    staircase_sentences,
)
from advlearn.studies.bilevel.schema import BilevelTidy

_PAPER = "Zheng and Li 2025, arXiv 2510.25121"
_CLAIM = "A clustering withstands small perturbations of its data and changes under larger ones."
_TABLE = "bilevel_claims"


def answer(run: BilevelTidy) -> Answer:
    """The verdict of the primary family, and the effect that decides it."""
    primary = _families(run, "primary")
    found = of_family(
        primary,
        paper=_PAPER,
        claim=_CLAIM,
        table=_TABLE,
        unit="times what the claim asks for",
        kind="ratio",
        data=f"{len(run.study.datasets)} data sets, {seeds_in_words(run.study.seeds)}",
        warning=contradiction(run),
    )
    units = primary.loc[primary["claim"] == found.row, "units"]
    if len(units) and units.item() != len(run.study.datasets):
        # Where the claim is a theorem for the others.
        sets = f"{units.item()} of {len(run.study.datasets)} data sets"
        found = replace(found, data=f"{sets}, {seeds_in_words(run.study.seeds)}")
    return found


def findings(run: BilevelTidy) -> Findings:
    """The primary family, what it means, and all further claims."""
    meaning = [
        *sentence_of_claims(run),
        *staircase_sentences(run),
        *certificate_sentences(run),
    ]
    further = _families(run, "secondary", "future", "counted", "proved", "untested")
    return Findings(answer(run), _rows(_families(run, "primary")), meaning, _rows(further))


def _families(run: BilevelTidy, *names: str) -> pd.DataFrame:
    frame = tested(run).frame
    return frame[frame["family"].isin(names)]


def _rows(frame: pd.DataFrame) -> Rows:
    rows = [[line["words"], _effect(line), line["verdict"]] for line in records(frame)]
    return ["claim", "effect", "verdict"], rows


def _effect(line: dict[str, Any]) -> str:
    """A measured effect with its interval, or the cases that contradict a counted claim."""
    if line["kind"] == "cases":
        against, cases = line["against"], line["n"]
        return f"not so in {against:,.0f} of {cases:,.0f}" if cases == cases else ABSENT
    return with_interval(
        line["mean"], line["ci_low"], line["ci_high"], sign=line["kind"] != "ratio"
    )
