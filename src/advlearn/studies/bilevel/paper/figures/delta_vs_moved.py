"""Delta squared against the number of moved points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.deviations.delta import balanced, count_order_bound, curvature_range, two_clusters
from advlearn.report.colours import ink
from advlearn.report.labels import GREY
from advlearn.report.panels import QUIET, grid
from advlearn.report.placing import Name, name_points
from advlearn.report.style import SMALL
from advlearn.studies.bilevel.paper.labels import PATTERNS
from advlearn.studies.bilevel.schema import BilevelTidy

_HOLLOW = {"diverge", "single"}
"""Those on which another pattern lies: drawn hollow, and the other one small."""
_MARKS = 11
"""About so many marks a line."""


def draw(tidy: BilevelTidy) -> Figure:
    """One panel for two clusters of each number of points, one for each three clusters."""
    frame = tidy["bilevel_moved"]
    points = frame["sizes"].map(lambda text: sum(_sizes(text)))
    panels = [part for _, part in frame[frame["n_clusters"] == 2].groupby(points, sort=True)]
    three = frame[frame["n_clusters"] == 3]
    panels += [part for _, part in three.groupby("sizes", sort=False)]
    figure, axes = grid(len(panels), 1, height=2.0, head=0.2)
    for axis, part in zip(axes[:, 0], panels, strict=True):
        if part["n_clusters"].iloc[0] == 2:
            _two(axis, part)
        else:
            _three(axis, part)
        axis.set_ylabel("δ²")
        axis.set_ylim(bottom=-0.03 * float(part["delta_squared"].max()))
    axes[-1, 0].set_xlabel("moved points m")
    for axis, part in zip(axes[:, 0], panels, strict=True):
        _name_patterns(axis, part)
    return figure


def _two(axis: Axes, part: pd.DataFrame) -> None:
    n = sum(_sizes(part["sizes"].iloc[0]))
    places = np.arange(n + 1)
    values = [two_clusters(n, int(m)) for m in places]
    axis.plot(places, values, color=GREY, lw=2.2, alpha=0.6, label="closed form")
    shown = []
    for number, (sizes, cells) in enumerate(part.groupby("sizes", sort=False)):
        shown.append(str(sizes).replace(",", " + "))
        for pattern in PATTERNS.order(cells["pattern"]):
            # One line of small marks a partition: they lie on one another, which is the point.
            line = cells[cells["pattern"] == pattern].sort_values("moved")
            _marks(axis, line, pattern, start=3 * number)
    axis.axvline(n / 2, color=GREY, lw=0.6, ls=":")
    axis.text(
        n / 2, 0.03, " n/2", transform=axis.get_xaxis_transform(), fontsize=SMALL, va="bottom"
    )
    axis.set_title(f"two clusters: {' and '.join(shown)} points")


def _three(axis: Axes, part: pd.DataFrame) -> None:
    sizes = _sizes(part["sizes"].iloc[0])
    size = sizes[0]
    last = int(part["moved"].max())
    equal = len(set(sizes)) == 1
    if equal:
        last = min(last, 2 * size)
        places = np.arange(last + 1)
        low, high = (
            [float(balanced(size, int(m), q)) for m in places] for q in curvature_range(3)[::-1]
        )
        ordered = count_order_bound(size) + 1.5
        axis.axvspan(ordered, 1.02 * last, color=GREY, alpha=0.12, lw=0, zorder=0)
        axis.fill_between(places, low, high, color=GREY, alpha=0.3, lw=0, zorder=1)
        axis.text(
            ordered, 0.98, " fewer moved points may give a larger δ", va="top", fontsize=SMALL,
            transform=axis.get_xaxis_transform(), color=QUIET,
        )  # fmt: skip
    axis.set_xlim(-0.02 * last, 1.02 * last)
    part = _shown(part)
    for pattern in PATTERNS.order(part["pattern"]):
        line = part[part["pattern"] == pattern].sort_values("moved")
        mark = PATTERNS.look(pattern)
        axis.plot(
            line["moved"], line["delta_squared"], color=mark.colour, ls=mark.line, lw=0.8,
            label=mark.label,
        )  # fmt: skip
        _marks(axis, line, pattern)
    # Room for the remark above the marks.
    axis.set_ylim(top=1.15 * float(part["delta_squared"].max()))
    each = f"{size} points each" if equal else f"{', '.join(map(str, sizes))} points"
    axis.set_title(f"three clusters of {each}")


def _shown(part: pd.DataFrame) -> pd.DataFrame:
    """The moves that the closed forms speak of: with equal sizes up to twice the size."""
    sizes = _sizes(part["sizes"].iloc[0])
    return part[part["moved"] <= 2 * sizes[0]] if len(set(sizes)) == 1 else part


def _marks(axis: Axes, line: pd.DataFrame, pattern: str, start: int = 0) -> None:
    every = max(1, round(len(line) / _MARKS))
    chosen = line.iloc[start % every :: every]
    axis.plot(chosen["moved"], chosen["delta_squared"], markeredgewidth=0.8, **_look(pattern))


def _look(pattern: str) -> dict[str, Any]:
    """How the marks of a pattern are drawn, without their line."""
    mark = PATTERNS.look(pattern)
    hollow = pattern in _HOLLOW
    return {
        "label": mark.label,
        "ls": "none",
        "marker": mark.marker,
        "ms": 4.2 if hollow else 3.0,
        "color": mark.colour,
        "markerfacecolor": "white" if hollow else mark.colour,
    }


def _name_patterns(axis: Axes, part: pd.DataFrame) -> None:
    """The name of each pattern where its line ends, and the closed form of two clusters."""
    three = part["n_clusters"].iloc[0] == 3
    part = _shown(part) if three else part
    marks = part[["moved", "delta_squared"]].to_numpy(float)
    names = []
    for pattern in PATTERNS.order(part["pattern"]):
        line = part[part["pattern"] == pattern].sort_values("moved")
        # The lines of two clusters lie on one another: names stand apart from their ends.
        place = line.iloc[-1] if three else line.iloc[len(line) // 2]
        at = float(place["moved"]), float(place["delta_squared"])
        names.append(Name(PATTERNS(pattern), *at, ink(PATTERNS.look(pattern).colour)))
    if not three:
        n = sum(_sizes(part["sizes"].iloc[0]))
        at = 0.8 * n, float(two_clusters(n, int(0.8 * n)))
        names.append(Name("2m(n − m)", *at, QUIET))
    name_points(axis, names, marks, fontsize=SMALL)


def _sizes(text: str) -> list[int]:
    return [int(size) for size in str(text).split(",")]
