"""What the figures of study 2 share: a mark for each method, lines with intervals, legends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from advlearn.paper.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Mark,
)
from advlearn.paper.topk import method_label, method_order

PAGE_HEIGHT = 9.0
FEW = 10
"""Below this number of images a mark is hollow."""

_LOOKS = {
    "tkmia": (BLUE, "o", "-"),
    "tkml_ap_u": (VERMILION, "s", "--"),
    "kfool": (GREEN, "^", "-."),
    "ml_cw_u_a": (PURPLE, "D", ":"),
    "ml_cw_u_b": (SKY, "v", "-."),
    "ml_cw_u_c": (ORANGE, "P", "--"),
    "projected": (BLACK, "X", ":"),
}


def method_marks(methods: Sequence[str]) -> dict[str, Mark]:
    """How the methods of a figure are drawn, in the order of the settings."""
    return {
        name: Mark(*_LOOKS.get(name, (GREY, "*", "-")), method_label(name))
        for name in method_order(methods)
    }


def draw_lines(
    axis: Axes, table: pd.DataFrame, x: str, marks: Mapping[str, Mark], kind: str = "method"
) -> None:
    """One line with intervals a value of ``kind``; hollow marks stand for fewer than `FEW` images.

    Args:
        axis: where to draw.
        table: rows with x, kind, mean, ci_low, ci_high, n.
        x: column of the horizontal axis, with evenly spaced values.
        marks: value of ``kind`` -> how it is drawn.
        kind: column that names a line.
    """
    places = np.sort(table[x].unique())
    gap = float(np.diff(places).min()) if len(places) > 1 else 1.0
    for number, (name, mark) in enumerate(marks.items()):
        part = table[(table[kind] == name) & table["mean"].notna()].sort_values(x)
        if part.empty:
            continue
        # Marks that would hide one another stand side by side.
        at = part[x] + 0.05 * gap * (number - (len(marks) - 1) / 2)
        mean = part["mean"].to_numpy(float)
        arms = [
            np.nan_to_num(np.abs(mean - part[bound].to_numpy(float)))
            for bound in ("ci_low", "ci_high")
        ]
        axis.errorbar(at, mean, yerr=arms, color=mark.colour, ls=mark.line, lw=0.9, elinewidth=0.6)
        for few in (False, True):
            shown = ((part["n"] < FEW) == few).to_numpy()
            axis.plot(
                at[shown],
                mean[shown],
                ls="none",
                marker=mark.marker,
                color=mark.colour,
                markerfacecolor="white" if few else mark.colour,
                markeredgewidth=0.7,
            )


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


def empty_places(axis: Axes, places: Sequence[float]) -> None:
    """Write ``n = 0`` where no image could be measured."""
    for place in places:
        axis.text(
            place,
            0.5,
            "n = 0",
            transform=axis.get_xaxis_transform(),
            rotation=90,
            ha="center",
            va="center",
            fontsize=6,
            color="#555555",
        )


def legend(figure: Figure, marks: Mapping[str, Mark], *more: Line2D, columns: int = 3) -> None:
    """The legend above all panels."""
    handles = [
        Line2D([], [], color=mark.colour, marker=mark.marker, ls=mark.line, label=mark.label)
        for mark in marks.values()
    ]
    figure.legend(handles=[*handles, *more], loc="outside upper center", ncols=columns)


def few_key() -> Line2D:
    """Key of the hollow marks."""
    return Line2D(
        [], [], color=GREY, marker="o", markerfacecolor="white", ls="none",
        label=f"n < {FEW}",
    )  # fmt: skip
