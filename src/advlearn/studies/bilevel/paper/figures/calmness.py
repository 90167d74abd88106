"""How far the solution moves, beside what calmness allows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advlearn.report.labels import GREY, Mark
from advlearn.report.panels import grid, key, legend, log_axes, log_span, name_sides
from advlearn.studies.bilevel.paper.labels import DATASETS, WEIGHTS
from advlearn.studies.bilevel.schema import BilevelTidy

_SEEN = 0.01
"""Changes below this share of the smallest perturbation are drawn on the lower edge."""


def draw(tidy: BilevelTidy) -> Figure:
    """Two rows, one column an attacker; one mark a data set."""
    frame = tidy["bilevel_calmness"]
    frame = frame[(frame["size"] > 0) & frame["change"].notna()]
    marks = DATASETS.marks(frame["dataset"])
    kinds = WEIGHTS.order(frame["weights"])
    lines = -(-(len(marks) + 1) // 3)
    figure, axes = grid(2, len(kinds), height=1.45, head=0.4 + 0.12 * lines, share="all")
    span = log_span(list(frame["size"]))
    allowed = (frame["modulus"] * frame["size"]).replace(np.inf, np.nan).max()
    floor = float(frame["size"].min()) * _SEEN
    moved = log_span([floor, allowed, *frame["change"].clip(lower=floor)])
    for column, kind in enumerate(kinds):
        part = frame[frame["weights"] == kind]
        top, bottom = axes[:, column]
        log_axes(top, span, moved)
        _changes(top, part, marks, span)
        _shares(bottom, part, marks)
        for axis in (top, bottom)[: 2 if column else 0]:
            axis.tick_params(labelleft=False)
    sides = ("‖ΔX‖", "‖ΔX‖ / bound")
    name_sides(figure, axes, titles=map(WEIGHTS, kinds), rows=sides, x="‖E‖")
    ceiling = Line2D([], [], color=GREY, lw=0.9, label="κ‖E‖, bound")
    legend(figure, [*key(marks.values(), line=False), ceiling])
    return figure


def _changes(
    axis: Axes, part: pd.DataFrame, marks: dict[str, Mark], span: tuple[float, float]
) -> None:
    ends = np.array(span)
    for modulus in sorted(part["modulus"].dropna().unique()):
        axis.plot(ends, modulus * ends, color=GREY, lw=0.7)
    # A solution that did not move at all has no place on a logarithmic axis.
    _points(axis, part, part["change"].clip(lower=axis.get_ylim()[0] * 1.15), marks)


def _shares(axis: Axes, part: pd.DataFrame, marks: dict[str, Mark]) -> None:
    axis.axhline(1, color=GREY, lw=0.9)
    part = part[part["bound"] > 0]
    _points(axis, part, part["change"] / part["bound"], marks)
    axis.set_ylim(-0.04, 1.15)


def _points(axis: Axes, part: pd.DataFrame, y: pd.Series, marks: dict[str, Mark]) -> None:
    for name, mark in marks.items():
        here = part["dataset"] == name
        axis.plot(
            part["size"][here], y[here], ls="none", marker=mark.marker, color=mark.colour, ms=2.2
        )
