"""The weight of each answer to each open choice, beside its share of the draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from advlearn.report.labels import BLACK, BLUE, LONGEST
from advlearn.report.style import PAGE_HEIGHT, PAGE_WIDTH, SMALL
from advlearn.studies.selective.paper.choices import (
    GROUPS,
    SHORT_QUESTIONS,
    answer_label,
    by_question,
)
from advlearn.studies.selective.paper.searched import searched, without_weights
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.studies.selective.search.likelihood import DISCREPANCIES, DISCREPANCY
from advlearn.support.text import shown

_COLUMNS = (("Network", "Training"), ("Attack", "Evaluation"), ("Retraining",))
_OTHER = "Other"
_ROW, _HEAD = 0.142, 0.35  # inches a row, inches a panel
_SIZE = SMALL
_WIDEST: dict[str, Any] = {
    "ls": "none",
    "marker": "o",
    "ms": 3.6,
    "color": BLACK,
    "markerfacecolor": "white",
    "markeredgewidth": 0.8,
    "zorder": 4,
}
"""A weight with the largest discrepancy."""


def draw(tidy: SelectiveTidy) -> Figure:
    """The weights over all universes of the search."""
    found = searched(tidy)
    return weights_of_choices(found.marginals, found.widest) if found else without_weights()


def weights_of_choices(marginals: pd.DataFrame, widest: pd.DataFrame) -> Figure:
    """One panel a group of questions, one bar an answer.

    Args:
        marginals: question, answer, weight and prior; both sum to 1 within a question.
        widest: the same with the largest discrepancy.
    """
    named = ["question", "answer"]
    other = widest.set_index(named)["weight"].rename("widest")
    questions = by_question(marginals.join(other, on=named))
    columns = _columns(questions)
    rows = [[_rows(questions, group) for _, group in column] for column in columns]
    inches = [sum(_ROW * n + _HEAD for n in column) for column in rows]
    tallest = max(inches)
    figure = Figure(figsize=(PAGE_WIDTH, min(tallest + 0.3, PAGE_HEIGHT)))
    outer = figure.add_gridspec(1, len(columns))
    for place, (column, counts, used) in enumerate(zip(columns, rows, inches, strict=True)):
        free = tallest - used
        ratios = [_ROW * n + _HEAD for n in counts] + ([free] if free > _ROW else [])
        inner = outer[place].subgridspec(len(ratios), 1, height_ratios=ratios)
        for slot, (title, group) in enumerate(column):
            axis = figure.add_subplot(inner[slot])
            _panel(axis, title, {name: questions[name] for name in group})
        axis.set_xlabel("weight", fontsize=_SIZE)
    handles = [
        Patch(color=BLUE, label=f"weight of the answer (discrepancy {DISCREPANCY:g})"),
        Line2D([], [], **_WIDEST, label=f"with {max(DISCREPANCIES):g}"),
        Line2D([], [], color=BLACK, marker="|", ls="none", ms=7, label="its share of all draws"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=_SIZE)
    return figure


def _columns(questions: Mapping[str, pd.DataFrame]) -> list[list[tuple[str, list[str]]]]:
    """Groups of the questions that there are, column by column; unknown ones last."""
    known = [name for group in GROUPS.values() for name in group]
    others = [name for name in questions if name not in known]
    columns = []
    for titles in _COLUMNS:
        column = [(t, [name for name in GROUPS[t] if name in questions]) for t in titles]
        columns.append([(title, group) for title, group in column if group])
    columns = [column for column in columns if column]
    if others:
        columns = (
            [*columns[:-1], [*columns[-1], (_OTHER, others)]] if columns else [[(_OTHER, others)]]
        )
    return columns


def _rows(questions: Mapping[str, pd.DataFrame], group: Sequence[str]) -> int:
    return sum(1 + len(questions[name]) for name in group)


def _panel(axis: Axes, title: str, questions: Mapping[str, pd.DataFrame]) -> None:
    labels: list[str] = []
    headings: list[int] = []
    for question, part in questions.items():
        headings.append(len(labels))
        labels.append(SHORT_QUESTIONS.short(question))
        for answer, weight, prior, other in part[["weight", "prior", "widest"]].itertuples():
            at = len(labels)
            axis.barh(at, weight, 0.72, color=BLUE, label=f"{question}: {answer}")
            axis.plot(prior, at, "|", color=BLACK, ms=6, markeredgewidth=1.0)
            axis.plot(other, at, **_WIDEST, clip_on=False)
            labels.append(shown(answer_label(question, str(answer)), LONGEST + 4))
    axis.set_yticks(range(len(labels)), labels, fontsize=_SIZE)
    for heading in headings:
        axis.yaxis.get_major_ticks()[heading].label1.set_fontweight("bold")
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="y", visible=False)
    axis.set_ylim(len(labels) - 0.4, -0.6)
    axis.set_xlim(0, 1.03)
    axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=_SIZE)
    axis.set_title(title, loc="left", fontsize=_SIZE + 1)
