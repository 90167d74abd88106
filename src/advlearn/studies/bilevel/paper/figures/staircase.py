"""Robust, then a staircase: the effect of perturbations against their size."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.labels import BLACK, Mark
from advlearn.report.panels import key, legend
from advlearn.studies.bilevel.paper.common import (
    DATASET_LABELS,
    METHODS,
    datasets,
    in_order,
    label,
    normalised_delta,
)
from advlearn.studies.bilevel.paper.curves import grid, method_mark, say
from advlearn.studies.bilevel.paper.schema import BilevelTidy
from advlearn.support.errors import UserError

_VALUE = Mark(BLACK, "o", "-", "v(τ)")
_TITLES = {"value": "value function", "fixed": "fixed directions"}


def draw(tidy: BilevelTidy) -> Figure:
    """One row a data set; value function left, fixed directions right.

    Raises:
        UserError: the run has neither the delta-measure nor the Rand index of any curve.
    """
    frame = normalised_delta(tidy)
    if frame.empty:
        raise UserError(
            "the run has no delta-measure against the size of the perturbation",
            where=f"{tidy.folder}/bilevel_staircase.csv",
            remedy="run the attacks of study 3 with the deviation 'delta', then collect again",
        )
    names = datasets(frame["dataset"])
    figure, axes = grid(len(names), 2, height=1.15, head=0.75, share="row", y="row")
    directions = in_order(
        frame.loc[frame["curve"] == "fixed", "direction"], [*METHODS[:2], "split"]
    )
    for row, name in zip(axes, names, strict=True):
        part = frame[frame["dataset"] == name]
        for axis, curve in zip(row, _TITLES, strict=True):
            _panel(axis, part[part["curve"] == curve], curve)
        row[0].set_ylabel(f"{label(DATASET_LABELS, name)}\nδ / √(n(n−1))")
        # Room for steps below the ceiling, and nothing below zero.
        row[0].set_ylim(bottom=-0.04 * max(part["value"].max(), 0.05))
        row[0].set_xlim(left=0)
    for axis, title in zip(axes[0], _TITLES.values(), strict=True):
        axis.set_title(title)
    for axis in axes[-1]:
        axis.set_xlabel("size of the perturbation")
    figure.align_ylabels(axes[:, 0])
    legend(figure, key([_VALUE, *map(method_mark, directions)]))
    return figure


def _panel(axis: Axes, part: pd.DataFrame, curve: str) -> None:
    if part.empty:
        say(axis, "not run")
        return
    first = part["seed"].min()
    for (direction, seed), line in part.groupby(["direction", "seed"], sort=True, dropna=False):
        line = line.sort_values("tau")
        mark = _VALUE if curve == "value" else method_mark(str(direction))
        main = seed == first or seed != seed  # curves without a seed stand alone
        axis.step(
            line["tau"],
            line["value"],
            where="post",
            color=mark.colour,
            ls=mark.line,
            lw=1.1 if main else 0.5,
            alpha=1 if main else 0.45,
            marker=mark.marker if main else None,
            ms=2,
        )
