"""Certified radius, true radius and smallest attack against gamma."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from advlearn.report.labels import BLUE, GREY, ORANGE, VERMILION
from advlearn.report.panels import annotate, grid, label_sides, legend, log_axes, log_span
from advlearn.studies.bilevel.paper.labels import DATASETS, WEIGHTS
from advlearn.studies.bilevel.paper.sandwich import sandwich
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.studies.bilevel.settings.certify import REBUILT

_BETWEEN = 0.35


def draw(tidy: BilevelTidy) -> Figure:
    """One row a data set, one column an attacker (fixed, recomputed weights)."""
    frame = sandwich(tidy)
    # Of the victim who takes all anew one gamma is attacked and nothing certified.
    frame = frame[frame["weights"] != REBUILT]
    names = DATASETS.order(frame["dataset"])
    kinds = WEIGHTS.order(frame["weights"])
    figure, axes = grid(len(names), len(kinds), height=1.15, head=0.85, share="row", y="row")
    for row, name in zip(axes, names, strict=True):
        here = frame[frame["dataset"] == name]
        sizes = here[["certified", "attacked", "noise"]].to_numpy(float)
        low, high = log_span(sizes[np.isfinite(sizes)].tolist())
        # Whole markers, and not halves of them, at either end.
        log_axes(row[0], log_span(list(here["gamma"])), (low / 1.5, high * 1.5))
        gamma = tidy.study.datasets.get(name, {}).get("gamma")
        for axis, kind in zip(row, kinds, strict=True):
            _panel(axis, here[here["weights"] == kind].sort_values("gamma"), gamma)
    sides = [f"{DATASETS.short(name)}\nε" for name in names]
    label_sides(figure, axes, titles=map(WEIGHTS, kinds), rows=sides, x="γ")
    legend(
        figure,
        [
            Line2D([], [], color=VERMILION, marker="s", ls="--", label="attacked"),
            Line2D([], [], color=BLUE, marker="o", label="certified"),
            Patch(color=ORANGE, alpha=_BETWEEN, lw=0, label="true radius"),
            Line2D([], [], color=GREY, marker="x", ls="none", label="random noise"),
        ],
        2,
    )
    return figure


def _panel(axis: Axes, part: pd.DataFrame, gamma: float | None) -> None:
    if part.empty:
        annotate(axis, "not run")
        return
    x = part["gamma"].to_numpy(float)
    certified, attacked, noise = (
        part[name].to_numpy(float) for name in ("certified", "attacked", "noise")
    )
    floor = axis.get_ylim()[0]
    axis.fill_between(
        x, np.where(certified > 0, certified, floor), attacked, where=np.isfinite(attacked),
        color=ORANGE, alpha=_BETWEEN, lw=0,
    )  # fmt: skip
    axis.plot(x, np.where(certified > 0, certified, np.nan), color=BLUE, marker="o", lw=1, ms=2.5)
    nothing = certified == 0
    axis.plot(
        x[nothing], np.full(nothing.sum(), 0.04), ls="none", marker="v", color=BLUE, ms=2.5,
        transform=axis.get_xaxis_transform(),
    )  # fmt: skip
    axis.plot(x, attacked, color=VERMILION, marker="s", ls="--", lw=1, ms=2.5)
    axis.plot(x, noise, color=GREY, marker="x", ls="none", ms=3)
    if gamma is not None:
        axis.axvline(float(gamma), color="black", ls=":", lw=0.8)
