"""What the published baselines say about each choice that the paper leaves open."""

from __future__ import annotations

from functools import reduce

import pandas as pd

from advlearn.report.frames import groups, records
from advlearn.report.numbers import format_number
from advlearn.report.table import Group, Source, Table
from advlearn.studies.selective.paper.labels import QUESTIONS
from advlearn.studies.selective.paper.published_tables import SAY, without_published
from advlearn.studies.selective.paper.search import counts, weighted
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.search.likelihood import DISCREPANCIES, DISCREPANCY, decisive
from advlearn.studies.selective.search.marginals import marginals
from advlearn.studies.selective.search.questions import FIRST

_LINE = ["question", "answer"]


def compare(tidy: SelectiveTidy) -> pd.DataFrame:
    """Weights of all answers.

    Returns:
        question, answer, prior (share among all draws), weight (with the discrepancy of the
        protocol), and weight_discrepancy_D for each of the others.
    """
    frame = tidy["selective_universes"]
    found = []
    for discrepancy in DISCREPANCIES:
        own = marginals(frame, weighted(tidy, discrepancy))
        name = "weight" if discrepancy == DISCREPANCY else _column(discrepancy)
        found.append(own.rename(columns={"weight": name}))
    whole = reduce(lambda one, other: one.merge(other.drop(columns="prior"), on=_LINE), found)
    others = [_column(each) for each in DISCREPANCIES if each != DISCREPANCY]
    return whole[[*_LINE, "prior", "weight", *others]]


def build(tidy: SelectiveTidy) -> Table:
    """The weight of each answer to each question."""
    frame, rows = compare(tidy), tidy["selective_universes"]
    first, weighing = rows[rows["stage"] == FIRST], decisive(rows)
    shown = [
        Group(QUESTIONS(question), [_cells(line) for line in records(part)])
        for (question,), part in groups(frame, ["question"])
    ]
    return Table(
        title="Open choices: what the published baselines say",
        caption=SAY.open_choices(DISCREPANCY),
        frame=frame,
        columns=[
            "answer",
            "share of draws",
            "weight",
            *(f"weight at {each:g}" for each in DISCREPANCIES if each != DISCREPANCY),
        ],
        groups=shown,
        notes=[*without_published(tidy), SAY.searched(**counts(tidy))],
        keys=_LINE,
        how="sum of the weights of all universes with this answer, over those to which the question"
        " applies",
        sources=[
            Source("selective_universes", first, "draws", lambda name: name == "prior", []),
            Source("selective_universes", weighing, "universes", lambda name: name != "prior", []),
        ],
    )


def _column(discrepancy: float) -> str:
    return f"weight_discrepancy_{discrepancy:g}"


def _cells(line: dict[str, object]) -> list[str]:
    numbers = [value for name, value in line.items() if name not in _LINE]
    return [str(line["answer"]), *(format_number(float(str(each)), 2) for each in numbers)]
