"""Settings chosen for the largest certified radius, and what they cost."""

from __future__ import annotations

from math import ceil

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advlearn.report.labels import BLACK, Look
from advlearn.report.panels import annotate, grid, legend, legend_entries
from advlearn.studies.bilevel.paper.labels import DATASETS, PARAMETERS
from advlearn.studies.bilevel.schema import BilevelTidy

_LEAST = 0.1
"""Height of a panel in ARI below which differences are not blown up."""


def draw(tidy: BilevelTidy) -> Figure:
    """One panel a data set, two in a row."""
    # A value with which no gamma gives a few clusters has no radius.
    frame = tidy["bilevel_defence"].dropna(subset=["radius"])
    names = DATASETS.order(frame["dataset"])
    looks = PARAMETERS.looks(frame["parameter"])
    across = min(2, len(names))
    figure, axes = grid(ceil(len(names) / across), across, height=1.3, head=0.55)
    for axis in axes.flat[len(names) :]:
        axis.set_visible(False)
    for axis, name in zip(axes.flat, names, strict=False):
        _panel(axis, frame[frame["dataset"] == name], looks)
        axis.set_title(DATASETS.short(name))
    for row in axes:
        row[0].set_ylabel("ARI to the truth")
    for place in range(len(names)):
        if place + across >= len(names):
            axes.flat[place].set_xlabel("certified radius")
    ring = Line2D(
        [], [], color=BLACK, marker="o", ls="none", markerfacecolor="none", ms=6, label="chosen"
    )
    legend(figure, [*legend_entries(looks.values()), ring], min(4, len(looks) + 1))
    return figure


def _panel(axis: Axes, part: pd.DataFrame, looks: dict[str, Look]) -> None:
    for name, look in looks.items():
        here = part[part["parameter"] == name]
        numbers = pd.to_numeric(here["value"], errors="coerce")
        here = here.assign(place=numbers).sort_values(["place", "value"])
        # Kinds of weights have no order.
        joined = look.line if numbers.notna().all() else "none"
        axis.plot(
            here["radius"], here["ari_truth"], color=look.colour, marker=look.marker, ls=joined,
            lw=0.8, ms=3,
        )  # fmt: skip
        chosen = here[here["chosen"] == 1]
        axis.plot(
            chosen["radius"], chosen["ari_truth"], ls="none", marker="o", markerfacecolor="none",
            color=BLACK, ms=7, mew=0.8,
        )  # fmt: skip
    if part["ari_truth"].isna().all():
        annotate(axis, "no true classes known")
    axis.set_xlim(*_span(part["radius"], 0.0))
    axis.set_ylim(*_span(part["ari_truth"], _LEAST))


def _span(values: pd.Series, least: float) -> tuple[float, float]:
    """Limits with air around the finite values, at least ``least`` apart."""
    finite = values[np.isfinite(values)]
    if finite.empty:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    air = 0.12 * max(high - low, least, 1e-6) + max(0.0, least - (high - low)) / 2
    return low - air, high + air
