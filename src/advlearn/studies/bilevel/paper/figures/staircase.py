"""Robust, then a staircase: the effect of perturbations against their size."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advlearn.report.labels import BLACK
from advlearn.report.panels import QUIET, flow, legend, legend_entries
from advlearn.report.style import COLUMN_WIDTH, PAGE_WIDTH, SMALL
from advlearn.studies.bilevel.paper.labels import DATASETS, DIRECTIONS, WEIGHTS
from advlearn.studies.bilevel.paper.staircase import normalised_delta
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.support.errors import UserError

_ACROSS = 4
_THICK = 2.2
_EVERY = 4  # steps from one mark of a curve to the next


def draw(tidy: BilevelTidy) -> Figure:
    """One panel a data set: the value function above the curves of fixed directions."""
    frame = normalised_delta(tidy)
    if frame.empty:
        raise UserError(
            "the run has no delta-measure against the size of the perturbation",
            where=f"{tidy.folder}/bilevel_staircase.csv",
            remedy="run the attacks of study 3 with the deviation 'delta', then collect again",
        )
    names = DATASETS.order(frame["dataset"])
    directions = DIRECTIONS.looks(frame.loc[frame["curve"] == "fixed", "direction"])
    wide = len(names) > 2
    figure, panels = flow(
        len(names), _ACROSS, height=1.75, head=0.5, y="all",
        width=PAGE_WIDTH if wide else COLUMN_WIDTH,
    )  # fmt: skip
    top = float(frame["value"].max())
    for axis, name in zip(panels.flat, names, strict=False):
        _panel(axis, frame[frame["dataset"] == name], list(directions))
        axis.set_title(DATASETS.short(name))
        axis.set_xlim(left=0)
        axis.set_xlabel("size τ")
        axis.text(
            0.98, 0.98, "v(τ) ≥ thick line", transform=axis.transAxes, ha="right", va="top",
            fontsize=SMALL, color=QUIET,
        )  # fmt: skip
    # Room for the remark above, and nothing below zero.
    panels[0, 0].set_ylim(-0.04 * max(top, 0.05), 1.22 * max(top, 0.05))
    for axis in panels[:, 0]:
        axis.set_ylabel(f"{_attacker(tidy)}\nδ / √(n(n−1))")
    value = Line2D([], [], color=BLACK, lw=_THICK, label="largest found")
    entries = [value] * bool((frame["curve"] == "value").any())
    entries += legend_entries(directions.values())
    legend(figure, entries, len(entries) if wide else 3)
    return figure


def _attacker(tidy: BilevelTidy) -> str:
    """Whose curves these are: the one attacker of the run, or the one with recomputed weights."""
    kinds = WEIGHTS.order(tidy["bilevel_attacks"]["weights"])
    return WEIGHTS(kinds[-1]) if kinds else ""


def _panel(axis: Axes, part: pd.DataFrame, directions: list[str]) -> None:
    first = part["seed"].min()
    for (curve, direction, seed), line in part.groupby(
        ["curve", "direction", "seed"], sort=True, dropna=False
    ):
        line = line.sort_values("tau")
        main = seed == first or seed != seed  # curves without a seed stand alone
        look: dict[str, Any]
        if curve == "value":
            look = {"lw": _THICK if main else 0.7, "color": BLACK, "zorder": 1.5}
        else:
            mark = DIRECTIONS.look(str(direction))
            start = directions.index(str(direction)) % _EVERY
            lone = {"lw": 1.0, "marker": mark.marker, "ms": 2.6, "markevery": (start, _EVERY)}
            look = lone if main else {"lw": 0.5, "alpha": 0.5}
            look |= {"color": mark.colour, "ls": mark.line}
        axis.step(line["tau"], line["value"], where="post", **look)
