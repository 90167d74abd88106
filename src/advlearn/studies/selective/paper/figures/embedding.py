"""The two-dimensional maps of the adversarial images, coloured by cluster."""

from __future__ import annotations

import matplotlib.patheffects as patheffects
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advlearn.report.labels import BLUE, GREEN, GREY, LONGEST, ORANGE, PURPLE, SKY, VERMILION
from advlearn.report.panels import frame_only, grid, legend
from advlearn.report.style import COLUMN_WIDTH
from advlearn.studies.selective.paper.labels import ATTACKS, CLUSTERERS, REDUCTIONS
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.support.text import shown

# Beyond the seven of Okabe and Ito, with a darker yellow; number and mark tell all apart anyway.
_EXTRA = ("#C9B900", "#B58B5A", "#5E3C99", "#8FC97A")
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, *_EXTRA)
_NAMED = 10
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")


def draw(tidy: SelectiveTidy) -> Figure:
    """One panel for each (reduction, clusterer) of the sampled maps."""
    frame = tidy["selective_embedding"]
    if frame.empty:
        figure = Figure(figsize=(COLUMN_WIDTH, 1.0))
        figure.text(0.5, 0.5, "this run has no two-dimensional map", ha="center", va="center")
        return figure
    first = frame.iloc[0]
    # One universe, seed and attack: the maps of others look alike and tell nothing new.
    frame = frame[
        (frame["universe"] == _prefer(frame["universe"], tidy.study.primary.universe))
        & (frame["seed"] == first["seed"])
        & (frame["attack"] == first["attack"])
    ]
    keys = ["reduction", "clusterer", "setting"]
    panels = [(key, part) for key, part in frame.groupby(keys, sort=True)]
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    figure, axes = grid(rows, columns, height=COLUMN_WIDTH / columns * 0.92 + 0.3, head=0.4)
    axes = axes.ravel()
    for axis, ((reduction, clusterer, setting), part) in zip(axes, panels, strict=False):
        _panel(axis, part)
        space = f"{CLUSTERERS.short(clusterer)}, {REDUCTIONS(reduction)}"
        lines = [shown(each, 2 * LONGEST) for each in str(setting).split(",")]
        axis.set_title("\n".join([space, *lines]), fontsize=6.5)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    chosen = Line2D([], [], ls="none", marker="o", color=GREY, label="the chosen cluster")
    chosen.set(markeredgecolor="black", markeredgewidth=0.7)
    handles = [Line2D([], [], ls="none", marker="o", color=GREY, label="a cluster"), chosen]
    if (frame["cluster"] < 0).any():
        handles.append(Line2D([], [], ls="none", marker="x", color=GREY, label="noise"))
    legend(figure, handles)
    what = f"{ATTACKS.short(first['attack'])} images, seed {first['seed']}"
    figure.supxlabel(what, fontsize=6.5)
    return figure


def _panel(axis: Axes, part: pd.DataFrame) -> None:
    noise = part[part["cluster"] < 0]
    axis.scatter(noise["x"], noise["y"], s=4, c=GREY, marker="x", lw=0.4, rasterized=True)
    # The chosen cluster is drawn last, on top.
    order = part[part["cluster"] >= 0].groupby("cluster")["chosen"].any().sort_values(kind="stable")
    for number, chosen in zip(order.index.astype(int), order, strict=True):
        points = part[part["cluster"] == number]
        axis.scatter(
            points["x"],
            points["y"],
            s=7 if chosen else 4,
            c=_COLOURS[number % len(_COLOURS)],
            marker=_MARKERS[number % len(_MARKERS)],
            edgecolors="black" if chosen else "none",
            linewidths=0.35 if chosen else 0,
            alpha=1.0 if chosen else 0.55,
            rasterized=True,
        )
    for number, chosen in zip(order.index.astype(int), order, strict=True):
        points = part[part["cluster"] == number]
        # Clusters are numbered by falling size: the largest ones and the chosen one have room.
        if number >= _NAMED and not chosen:
            continue
        axis.annotate(
            f"{number}",
            (points["x"].median(), points["y"].median()),
            ha="center",
            va="center",
            fontsize=7.5,
            fontweight="bold" if chosen else "normal",
            path_effects=[patheffects.withStroke(linewidth=2, foreground="white")],
        )
    frame_only(axis)


def _prefer(values: pd.Series, wanted: str) -> str:
    return wanted if (values == wanted).any() else str(values.iloc[0])
