"""Success of perturbations on models they were not made for."""

from __future__ import annotations

from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.style import COLUMN_WIDTH
from advlearn.studies.topk.paper.common import method_label, method_order, models, shares_of
from advlearn.studies.topk.paper.schema import TopkTidy

_ACROSS = 3


def draw(tidy: TopkTidy) -> Figure:
    """One panel a method, one row a source, one column a target."""
    frame = shares_of(tidy["topk_transfer"], ["method", "source", "target"], "asr")
    names = [name for name in models(tidy) if name in {*frame["source"], *frame["target"]}]
    methods = method_order(list(frame["method"]))
    across = min(_ACROSS, len(methods))
    down = ceil(len(methods) / across)
    figure = Figure(figsize=(COLUMN_WIDTH, 0.45 + 1.15 * down))
    axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for axis in axes.flat[len(methods) :]:
        axis.set_visible(False)
    for axis, method in zip(axes.flat, methods, strict=False):
        part = frame[frame["method"] == method].set_index(["source", "target"])["mean"]
        values = part.unstack("target").reindex(index=names, columns=names)
        _panel(axis, values.to_numpy(float))
        axis.set_title(method_label(method))
        axis.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(len(names)), names)
    for place in range(len(methods)):
        # The lowest panel of a column carries the names.
        if place + across >= len(methods):
            axes.flat[place].tick_params(labelbottom=True)
    figure.supxlabel("given to", fontsize=7.5)
    figure.supylabel("made on", fontsize=7.5)
    return figure


def _panel(axis: Axes, values: np.ndarray) -> None:
    axis.imshow(values, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    axis.grid(False)
    axis.tick_params(length=0)
    for row, column in np.ndindex(values.shape):
        value = values[row, column]
        axis.text(
            column,
            row,
            "–" if np.isnan(value) else f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=6,
            color="white" if value > 0.6 else "black",
        )
