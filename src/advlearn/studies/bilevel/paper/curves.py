"""What the figures of study 3 share: marks of methods and data sets, grids of panels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from advlearn.report.labels import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Mark
from advlearn.report.panels import column_figure, log_ticks
from advlearn.studies.bilevel.paper.common import DATASET_LABELS, METHOD_LABELS, datasets, label

Share = Literal["none", "row", "all"]

CLUSTER_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""Colour of each cluster by its number, round and round."""
CLUSTER_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_METHODS = {
    "merge": (BLUE, "o", "-"),
    "cut": (VERMILION, "s", "--"),
    "split": (VERMILION, "s", "--"),
    "transfer": (GREEN, "^", "-."),
    "smoothed": (PURPLE, "D", ":"),
    "genetic": (ORANGE, "P", "-."),
    "one_point": (SKY, "v", "--"),
    "noise": (GREY, "X", ":"),
}
_DATASETS = {
    "iris": (BLUE, "o", "-"),
    "wine": (VERMILION, "s", "--"),
    "breast_cancer": (GREEN, "^", "-."),
    "digits_1_4": (PURPLE, "D", ":"),
    "digits_8_9": (SKY, "v", "-."),
    "moons": (ORANGE, "P", "--"),
    "blobs": (BLACK, "X", ":"),
    "circles": (GREY, "*", "-"),
}


def method_mark(name: str) -> Mark:
    """How an attack or direction is drawn."""
    return Mark(*_METHODS.get(name, (BLACK, "*", "-")), label(METHOD_LABELS, name))


def dataset_marks(names: Iterable[str]) -> dict[str, Mark]:
    """How the data sets of a figure are drawn, in their order."""
    return {
        name: Mark(*_DATASETS.get(name, (BLACK, "1", "-")), label(DATASET_LABELS, name))
        for name in datasets(names)
    }


def grid(
    rows: int, columns: int, *, height: float, head: float, share: Share = "none", y: Share = "none"
) -> tuple[Figure, np.ndarray]:
    """A figure of column width, at most a page high, and its panels (rows, columns).

    Args:
        rows: rows of panels.
        columns: columns of panels.
        height: inches a row.
        head: inches for legend and labels.
        share: panels that share their horizontal axis.
        y: panels that share their vertical axis.
    """
    figure = column_figure(head + height * rows)
    return figure, figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=y)


def decades(side: Axis) -> None:
    """Plain numbers on a logarithmic axis: 1, 2 and 5 of each decade, or decades where many."""
    log_ticks(side)
    low, high = side.get_view_interval()
    if high > 300 * low:
        side.set_major_locator(LogLocator(subs=(1,)))


def say(axis: Axes, text: str) -> None:
    """A remark in the middle of a panel that has nothing to show."""
    axis.text(
        0.5,
        0.5,
        text,
        transform=axis.transAxes,
        ha="center",
        va="center",
        fontsize=6,
        color="#555555",
    )
