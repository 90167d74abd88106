"""Success of perturbations on models they were not made for."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from advlearn.report.numbers import format_number
from advlearn.report.panels import flow
from advlearn.report.style import PAGE_WIDTH, SMALL
from advlearn.studies.topk.paper.labels import METHODS
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.summaries import rate
from advlearn.support.text import shown

_ACROSS = 5
_LETTERS = 8  # of the name of a model, level beside a row of panels


def draw(run: TopkTidy) -> Figure:
    """One panel a method, one row a source, one column a target."""
    frame = rate(run["topk_transfer"], ["method", "source", "target"], "asr")
    names = [name for name in run.models if name in {*frame["source"], *frame["target"]}]
    methods = METHODS.order(frame["method"])
    figure, panels = flow(len(methods), _ACROSS, height=1.55, head=0.3, width=PAGE_WIDTH, y="all")
    ticks = [shown(name, _LETTERS) for name in names]
    for axis, method in zip(panels.flat, methods, strict=False):
        part = frame[frame["method"] == method].set_index(["source", "target"])["mean"]
        values = part.unstack("target").reindex(index=names, columns=names)
        image = _panel(axis, values.to_numpy(float))
        axis.set_title(METHODS(method))
        axis.set_xticks(range(len(names)), ticks, rotation=35, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(len(names)), ticks)
    present = [axis for axis in panels.flat if axis is not None]
    figure.colorbar(image, ax=present, aspect=40, pad=0.02, label="share of the images")
    figure.supxlabel("given to")
    figure.supylabel("made on")
    return figure


def _panel(axis: Axes, values: np.ndarray) -> AxesImage:
    image = axis.imshow(values, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    axis.grid(False)
    axis.tick_params(length=0)
    for row, column in np.ndindex(values.shape):
        value = float(values[row, column])
        colour = "white" if value > 0.6 else "black"
        number = format_number(value, 2)
        axis.text(column, row, number, ha="center", va="center", fontsize=SMALL, color=colour)
    return image
