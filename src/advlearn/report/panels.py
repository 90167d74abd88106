"""What the figures of all studies are drawn with: grids of panels, lines with intervals, axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from advlearn.report.labels import GREY, Look
from advlearn.report.style import COLUMN_WIDTH, PAGE_HEIGHT, SMALL

Share = Literal["none", "row", "col", "all"]

FEW = 10
"""Below this number of images a mark is hollow."""
_SEED: dict[str, Any] = {
    "marker": "o", "ls": "none", "ms": 2.0, "alpha": 0.55, "color": GREY, "markeredgewidth": 0,
}  # fmt: skip
FRAME, QUIET = "#BBBBBB", "#555555"


def grid(
    rows: int,
    columns: int,
    *,
    height: float,
    head: float,
    share: Share = "none",
    y: Share = "none",
    width: float = COLUMN_WIDTH,
    **options: Any,
) -> tuple[Figure, np.ndarray]:
    """A figure as wide as a column or the page, at most a page high, and its panels.

    One of two widths always, so that no figure has to be shrunk on the page.

    Args:
        rows: rows of panels.
        columns: columns of panels.
        height: inches a row.
        head: inches for legend and labels.
        share: panels that share their horizontal axis.
        y: panels that share their vertical axis.
        width: inches; that of a column or of the page.
        **options: of matplotlib's ``subplots``.
    """
    figure = Figure(figsize=(width, min(head + height * rows, PAGE_HEIGHT)))
    panels = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=y, **options)
    return figure, panels


def columns_for(count: int, most: int) -> int:
    """Panels in a row such that rows of them leave the fewest cells free.

    Args:
        count: number of panels, at least 1.
        most: panels that a row has room for; at least half as many stand in one.
    """
    if count <= most:
        return count
    return min(range(-(-most // 2), most + 1), key=lambda columns: (-count % columns, -columns))


def flow(count: int, most: int, **options: Any) -> tuple[Figure, np.ndarray]:
    """A figure of ``count`` panels in rows, in reading order.

    Cells that are left over hold nothing, and the lowest panel of each column shows its ticks.

    Args:
        count: number of panels, at least 1.
        most: panels that a row has room for.
        **options: of `grid`.

    Returns:
        The figure and its panels (rows, columns); None where a cell is left over.
    """
    columns = columns_for(count, most)
    figure, panels = grid(-(-count // columns), columns, **options)
    for axis in panels.flat[count:]:
        axis.remove()
    panels.flat[count:] = None
    for axis in lowest(panels):
        axis.tick_params(labelbottom=True)
    return figure, panels


def lowest(panels: np.ndarray) -> list[Axes]:
    """The last panel of each column of `flow`."""
    return [[axis for axis in column if axis is not None][-1] for column in panels.T]


def last_in_rows(panels: np.ndarray) -> list[Axes]:
    """The last panel of each row of `flow`."""
    return [[axis for axis in row if axis is not None][-1] for row in panels]


def label_sides(
    figure: Figure,
    panels: np.ndarray,
    *,
    titles: Iterable[str] = (),
    rows: Iterable[str] = (),
    x: str = "",
) -> None:
    """Title of each column, name of each row, and the horizontal axis below the last row."""
    for axis, title in zip(panels[0], titles, strict=False):
        axis.set_title(title)
    for axis, name in zip(panels[:, 0], rows, strict=False):
        axis.set_ylabel(name)
    for axis in panels[-1] if x else ():
        axis.set_xlabel(x)
    figure.align_ylabels(panels[:, 0])


def draw_lines(
    axis: Axes,
    table: pd.DataFrame,
    x: str,
    looks: Mapping[str, Look],
    kind: str,
    seeds: pd.DataFrame | None = None,
) -> dict[str, float]:
    """One line with intervals a value of ``kind``; hollow marks stand for fewer than `FEW` images.

    Args:
        axis: where to draw.
        table: rows with x, kind, mean, ci_low, ci_high, n.
        x: column of the horizontal axis, with evenly spaced values.
        looks: value of ``kind`` -> how it is drawn.
        kind: column that names a line.
        seeds: the mean of each seed, drawn as a dot: rows with x, kind and value; none by default.

    Returns:
        Value of ``kind`` -> the mean where its line ends, for the lines that were drawn.
    """
    places = np.sort(table[x].unique())
    gap = float(np.diff(places).min()) if len(places) > 1 else 1.0
    ends: dict[str, float] = {}
    for number, (name, look) in enumerate(looks.items()):
        part = table[(table[kind] == name) & table["mean"].notna()].sort_values(x)
        if part.empty:
            continue
        # Marks that would hide one another stand side by side.
        shift = 0.05 * gap * (number - (len(looks) - 1) / 2)
        at = part[x] + shift
        mean = part["mean"].to_numpy(float)
        arms = [
            np.nan_to_num(np.abs(mean - part[bound].to_numpy(float)))
            for bound in ("ci_low", "ci_high")
        ]
        axis.errorbar(at, mean, yerr=arms, color=look.colour, ls=look.line, lw=0.9, elinewidth=0.6)
        if seeds is not None:
            every = seeds[seeds[kind] == name]
            seed_dots(axis, every[x] + shift, every["value"], look.colour)
        for few in (False, True):
            shown = ((part["n"] < FEW) == few).to_numpy()
            axis.plot(
                at[shown],
                mean[shown],
                ls="none",
                marker=look.marker,
                color=look.colour,
                markerfacecolor="white" if few else look.colour,
                markeredgewidth=0.7,
            )
        ends[name] = float(mean[-1])
    return ends


def few_note(*tables: pd.DataFrame) -> str:
    """What hollow marks stand for, where there are some: a line for the figure."""
    few = any(((table["n"] > 0) & (table["n"] < FEW)).any() for table in tables)
    return f"hollow: fewer than {FEW} images" if few else ""


def seed_dots(axis: Axes, x: ArrayLike, y: ArrayLike, colour: str) -> None:
    """One small mark a seed."""
    axis.plot(x, y, label="seeds", zorder=1.8, **{**_SEED, "color": colour})


def seed_entry() -> Line2D:
    """Key of the small marks."""
    return Line2D([], [], label="one seed", **_SEED)


def hollow_marks(axis: Axes, x: ArrayLike, y: ArrayLike, look: Look, label: str) -> None:
    """Published values, in the colour and form of what they are compared with."""
    axis.plot(
        x, y, look.marker, color=look.colour, ms=4, markerfacecolor="white", markeredgewidth=0.9,
        zorder=3, label=label,
    )  # fmt: skip


def hollow_entry(label: str) -> Line2D:
    """Legend entry of a grey hollow mark."""
    return Line2D([], [], color=GREY, marker="o", markerfacecolor="white", ls="none", label=label)


def legend_entries(looks: Iterable[Look], *, line: bool = True, **overrides: Any) -> list[Line2D]:
    """Legend entries of the looks; ``overrides`` change how they are drawn."""
    return [
        Line2D(
            [],
            [],
            ls=look.line if line else "none",
            **{"color": look.colour, "marker": look.marker, "label": look.label, **overrides},
        )
        for look in looks
    ]


def legend(figure: Figure, handles: Sequence[Artist], columns: int = 3) -> None:
    """The legend above all panels."""
    figure.legend(handles=list(handles), loc="outside upper center", ncols=columns)


def annotate(axis: Axes, text: str, place: float = 0.5, *, turned: bool = False) -> None:
    """A remark in the middle of a panel that has nothing to show, or at a place of its x axis."""
    where = axis.get_xaxis_transform() if turned else axis.transAxes
    axis.text(
        place, 0.5, text, transform=where, rotation=90 if turned else 0, ha="center", va="center",
        fontsize=SMALL, color=QUIET,
    )  # fmt: skip


def log_ticks(side: Axis) -> None:
    """Plain numbers on a logarithmic axis: 1, 2 and 5 of each decade, or round ones within one."""
    low, high = side.get_view_interval()
    # Labels beside each other need more room than labels above each other.
    crowded = isinstance(side, XAxis) and high > 100 * low
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    round_ones = [digit * 10.0**decade for decade in decades for digit in (1, 2, 5)]
    if sum(low <= value <= high for value in round_ones) < 2:
        side.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
    else:
        side.set_major_locator(LogLocator(subs=(1,) if crowded else (1, 2, 5)))
    side.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    side.set_minor_locator(NullLocator())


def decade_ticks(side: Axis) -> None:
    """`log_ticks` with decades alone where there are many."""
    log_ticks(side)
    low, high = side.get_view_interval()
    if high > 300 * low:
        side.set_major_locator(LogLocator(subs=(1,)))


def log_axes(axis: Axes, x: tuple[float, float], y: tuple[float, float]) -> None:
    """Both axes logarithmic between these limits, with the ticks of `decade_ticks`."""
    axis.set(xscale="log", yscale="log", xlim=x, ylim=y)
    decade_ticks(axis.xaxis)
    decade_ticks(axis.yaxis)


def log_span(values: Sequence[float]) -> tuple[float, float]:
    """Limits of a logarithmic axis: all values above zero with some air, at least a factor of 5."""
    some = [value for value in values if np.isfinite(value) and value > 0] or [1.0]
    low, high = min(some) / 1.15, max(some) * 1.15
    wider = max(1.0, 5 * low / high) ** 0.5
    return low / wider, high * wider


def limits(
    values: Iterable[float], *, least_span: float = 0.02, pad: float = 0.08
) -> tuple[float, float]:
    """Axis limits for accuracies: all values, some air, and never beyond -0.03 or 1.03.

    A narrow band of values is not blown up beyond ``least_span``, so that noise looks like noise.
    """
    finite = np.array([value for value in values if np.isfinite(value)], dtype=float)
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    missing = max(0.0, least_span - (high - low)) / 2
    low, high = low - missing, high + missing
    if missing > 0 and low < 0:
        low, high = 0.0, high - low
    elif missing > 0 and high > 1:
        low, high = low - (high - 1), 1.0
    air = pad * (high - low)
    # The floor and the ceiling leave a little room, so that 0 and 1 do not lie on the frame.
    return max(low - air, min(-0.03, low)), min(high + air, max(1.03, high))


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
        spine.set_color(FRAME)
