"""Success of perturbations on models they were not made for."""

from __future__ import annotations

from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.numbers import format_number
from advlearn.report.panels import grid
from advlearn.studies.topk.paper.labels import METHODS
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.summaries import rate
from advlearn.support.text import shown

_ACROSS = 3
_LETTERS = 8  # of the name of a model, turned below and level beside three panels


def draw(run: TopkTidy) -> Figure:
    """One panel a method, one row a source, one column a target."""
    frame = rate(run["topk_transfer"], ["method", "source", "target"], "asr")
    names = [name for name in run.models if name in {*frame["source"], *frame["target"]}]
    methods = METHODS.order(frame["method"])
    across = min(_ACROSS, len(methods))
    down = ceil(len(methods) / across)
    figure, axes = grid(down, across, height=1.15, head=0.45, share="all", y="all")
    for axis in axes.flat[len(methods) :]:
        axis.set_visible(False)
    for axis, method in zip(axes.flat, methods, strict=False):
        part = frame[frame["method"] == method].set_index(["source", "target"])["mean"]
        values = part.unstack("target").reindex(index=names, columns=names)
        _panel(axis, values.to_numpy(float))
        axis.set_title(METHODS(method))
        ticks = [shown(name, _LETTERS) for name in names]
        axis.set_xticks(range(len(names)), ticks, rotation=35, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(len(names)), ticks)
    for axis in axes.flat[len(methods) - across : len(methods)]:
        # The lowest panel of a column carries the names.
        axis.tick_params(labelbottom=True)
    figure.supxlabel("given to", fontsize=7.5)
    figure.supylabel("made on", fontsize=7.5)
    return figure


def _panel(axis: Axes, values: np.ndarray) -> None:
    axis.imshow(values, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    axis.grid(False)
    axis.tick_params(length=0)
    for row, column in np.ndindex(values.shape):
        value = float(values[row, column])
        colour = "white" if value > 0.6 else "black"
        number = format_number(value, 2)
        axis.text(column, row, number, ha="center", va="center", fontsize=6, color=colour)
