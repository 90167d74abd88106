"""What the figures of all studies share: their size, logarithmic axes, frames and legends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from advlearn.report.style import COLUMN_WIDTH, PAGE_HEIGHT, Mark


def column_figure(height: float) -> Figure:
    """A figure of column width, ``height`` inches high or as high as the page.

    Column width always, so that no figure has to be shrunk on the page.
    """
    return Figure(figsize=(COLUMN_WIDTH, min(height, PAGE_HEIGHT)))


def log_ticks(side: Axis) -> None:
    """Plain numbers at 1, 2 and 5 of each decade of a logarithmic axis."""
    low, high = side.get_view_interval()
    # Labels beside each other need more room than labels above each other.
    crowded = isinstance(side, XAxis) and high > 100 * low
    side.set_major_locator(LogLocator(subs=(1,) if crowded else (1, 2, 5)))
    side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    side.set_minor_locator(NullLocator())


def log_span(values: Sequence[float]) -> tuple[float, float]:
    """Limits of a logarithmic axis: all values above zero with some air, at least a factor of 5."""
    some = [value for value in values if np.isfinite(value) and value > 0] or [1.0]
    low, high = min(some) / 1.15, max(some) * 1.15
    wider = max(1.0, 5 * low / high) ** 0.5
    return low / wider, high * wider


def show_image(axis: Axes, image: np.ndarray) -> None:
    """Draw an image (C, H, W) of one or three channels, values cut to [0, 1]."""
    shown = image[0] if image.shape[0] == 1 else np.moveaxis(image, 0, -1)
    axis.imshow(np.clip(shown, 0, 1), vmin=0, vmax=1, interpolation="nearest")
    frame_only(axis)


def frame_only(axis: Axes) -> None:
    """A thin frame around a picture, without ticks and grid."""
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(True)
        spine.set_color("#BBBBBB")


def key(marks: Iterable[Mark], *, line: bool = True) -> list[Line2D]:
    """Legend entries of the marks."""
    return [
        Line2D(
            [],
            [],
            color=mark.colour,
            marker=mark.marker,
            ls=mark.line if line else "none",
            label=mark.label,
        )
        for mark in marks
    ]


def legend(figure: Figure, handles: Sequence[Artist], columns: int = 3) -> None:
    """The legend above all panels."""
    figure.legend(handles=list(handles), loc="outside upper center", ncols=columns)
