"""How far the solution moves, beside what calmness allows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advlearn.report.labels import GREY, Look
from advlearn.report.panels import grid, label_sides, legend, legend_entries, log_axes, log_span
from advlearn.studies.bilevel.paper.labels import DATASETS, WEIGHTS
from advlearn.studies.bilevel.schema import BilevelTidy

_SEEN = 0.01
"""Changes below this share of the smallest perturbation are drawn on the lower edge."""


def draw(tidy: BilevelTidy) -> Figure:
    """Two rows, one column an attacker; one mark a data set."""
    frame = tidy["bilevel_calmness"]
    frame = frame[(frame["size"] > 0) & frame["change"].notna()]
    looks = DATASETS.looks(frame["dataset"])
    kinds = WEIGHTS.order(frame["weights"])
    lines = -(-(len(looks) + 1) // 3)
    figure, axes = grid(2, len(kinds), height=1.45, head=0.4 + 0.12 * lines, share="all")
    span = log_span(list(frame["size"]))
    allowed = (frame["modulus"] * frame["size"]).replace(np.inf, np.nan).max()
    floor = float(frame["size"].min()) * _SEEN
    moved = log_span([floor, allowed, *frame["change"].clip(lower=floor)])
    for column, kind in enumerate(kinds):
        part = frame[frame["weights"] == kind]
        top, bottom = axes[:, column]
        log_axes(top, span, moved)
        _changes(top, part, looks, span)
        _shares(bottom, part, looks)
        for axis in (top, bottom)[: 2 if column else 0]:
            axis.tick_params(labelleft=False)
    sides = ("‖ΔX‖", "‖ΔX‖ / bound")
    label_sides(figure, axes, titles=map(WEIGHTS, kinds), rows=sides, x="‖E‖")
    ceiling = Line2D([], [], color=GREY, lw=0.9, label="κ‖E‖, bound")
    legend(figure, [*legend_entries(looks.values(), line=False), ceiling])
    return figure


def _changes(
    axis: Axes, part: pd.DataFrame, looks: dict[str, Look], span: tuple[float, float]
) -> None:
    ends = np.array(span)
    for modulus in sorted(part["modulus"].dropna().unique()):
        axis.plot(ends, modulus * ends, color=GREY, lw=0.7)
    # A solution that did not move at all has no place on a logarithmic axis.
    _points(axis, part, part["change"].clip(lower=axis.get_ylim()[0] * 1.15), looks)


def _shares(axis: Axes, part: pd.DataFrame, looks: dict[str, Look]) -> None:
    axis.axhline(1, color=GREY, lw=0.9)
    part = part[part["bound"] > 0]
    _points(axis, part, part["change"] / part["bound"], looks)
    axis.set_ylim(-0.04, 1.15)


def _points(axis: Axes, part: pd.DataFrame, y: pd.Series, looks: dict[str, Look]) -> None:
    for name, look in looks.items():
        here = part["dataset"] == name
        axis.plot(
            part["size"][here], y[here], ls="none", marker=look.marker, color=look.colour, ms=2.2
        )
