"""Robust, then a staircase: the effect of perturbations against their size."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.labels import BLACK, Look
from advlearn.report.panels import annotate, grid, label_sides, legend, legend_entries
from advlearn.studies.bilevel.paper.labels import DATASETS, DIRECTIONS
from advlearn.studies.bilevel.paper.staircase import normalised_delta
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.support.errors import UserError

_VALUE = Look(BLACK, "o", "-", "v(τ)")
_TITLES = {"value": "value function", "fixed": "fixed directions"}


def draw(tidy: BilevelTidy) -> Figure:
    """One row a data set; value function left, fixed directions right."""
    frame = normalised_delta(tidy)
    if frame.empty:
        raise UserError(
            "the run has no delta-measure against the size of the perturbation",
            where=f"{tidy.folder}/bilevel_staircase.csv",
            remedy="run the attacks of study 3 with the deviation 'delta', then collect again",
        )
    names = DATASETS.order(frame["dataset"])
    figure, axes = grid(len(names), 2, height=1.15, head=0.75, share="row", y="row")
    directions = DIRECTIONS.looks(frame.loc[frame["curve"] == "fixed", "direction"])
    for row, name in zip(axes, names, strict=True):
        part = frame[frame["dataset"] == name]
        for axis, curve in zip(row, _TITLES, strict=True):
            _panel(axis, part[part["curve"] == curve], curve)
        # Room for steps below the ceiling, and nothing below zero.
        row[0].set_ylim(bottom=-0.04 * max(part["value"].max(), 0.05))
        row[0].set_xlim(left=0)
    sides = [f"{DATASETS.short(name)}\nδ / √(n(n−1))" for name in names]
    label_sides(figure, axes, titles=_TITLES.values(), rows=sides, x="size of the perturbation")
    legend(figure, legend_entries([_VALUE, *directions.values()]))
    return figure


def _panel(axis: Axes, part: pd.DataFrame, curve: str) -> None:
    if part.empty:
        annotate(axis, "not run")
        return
    first = part["seed"].min()
    for (direction, seed), line in part.groupby(["direction", "seed"], sort=True, dropna=False):
        line = line.sort_values("tau")
        mark = _VALUE if curve == "value" else DIRECTIONS.look(str(direction))
        main = seed == first or seed != seed  # curves without a seed stand alone
        lone = {"lw": 1.1, "alpha": 1, "marker": mark.marker}
        look = lone if main else {"lw": 0.5, "alpha": 0.45, "marker": None}
        axis.step(
            line["tau"], line["value"], where="post", color=mark.colour, ls=mark.line, ms=2, **look
        )
