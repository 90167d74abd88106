"""Delta squared against the number of moved points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from advlearn.deviations.delta import balanced, count_order_bound, curvature_range, two_clusters
from advlearn.report.labels import GREY
from advlearn.report.panels import grid, legend
from advlearn.studies.bilevel.paper.labels import PATTERNS
from advlearn.studies.bilevel.schema import BilevelTidy

_HOLLOW = {"diverge", "single"}
"""Those on which another pattern lies: drawn hollow, and the other one small."""
_MARKS = 11
"""About so many marks a line."""
_ZONE = "#FBE9D0"


def draw(tidy: BilevelTidy) -> Figure:
    """One panel for two clusters of each number of points, one for each three clusters."""
    frame = tidy["bilevel_moved"]
    points = frame["sizes"].map(lambda text: sum(_sizes(text)))
    panels = [part for _, part in frame[frame["n_clusters"] == 2].groupby(points, sort=True)]
    three = frame[frame["n_clusters"] == 3]
    panels += [part for _, part in three.groupby("sizes", sort=False)]
    figure, axes = grid(len(panels), 1, height=1.75, head=0.55)
    for axis, part in zip(axes[:, 0], panels, strict=True):
        if part["n_clusters"].iloc[0] == 2:
            _two(axis, part)
        else:
            _three(axis, part)
        axis.set_ylabel("δ²")
        axis.set_ylim(bottom=-0.03 * float(part["delta_squared"].max()))
    axes[-1, 0].set_xlabel("moved points m")
    legend(figure, _key(frame), 4)
    return figure


def _two(axis: Axes, part: pd.DataFrame) -> None:
    n = sum(_sizes(part["sizes"].iloc[0]))
    places = np.arange(n + 1)
    axis.plot(places, [two_clusters(n, int(m)) for m in places], color=GREY, lw=2.2, alpha=0.6)
    shown = []
    for number, (sizes, cells) in enumerate(part.groupby("sizes", sort=False)):
        shown.append(str(sizes).replace(",", " + "))
        for pattern in PATTERNS.order(cells["pattern"]):
            # One line of small marks a partition: they lie on one another, which is the point.
            line = cells[cells["pattern"] == pattern].sort_values("moved")
            _marks(axis, line, pattern, start=3 * number)
    axis.axvline(n / 2, color=GREY, lw=0.6, ls=":")
    axis.text(n / 2, 0.03, " n/2", transform=axis.get_xaxis_transform(), fontsize=6, va="bottom")
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
        axis.axvspan(count_order_bound(size) + 1.5, 1.02 * last, color=_ZONE, lw=0, zorder=0)
        axis.fill_between(places, low, high, color=GREY, alpha=0.3, lw=0, zorder=1)
    axis.set_xlim(-0.02 * last, 1.02 * last)
    part = part[part["moved"] <= last]
    for pattern in PATTERNS.order(part["pattern"]):
        line = part[part["pattern"] == pattern].sort_values("moved")
        mark = PATTERNS.look(pattern)
        axis.plot(line["moved"], line["delta_squared"], color=mark.colour, ls=mark.line, lw=0.8)
        _marks(axis, line, pattern)
    each = f"{size} points each" if equal else f"{', '.join(map(str, sizes))} points"
    axis.set_title(f"three clusters of {each}")


def _marks(axis: Axes, line: pd.DataFrame, pattern: str, start: int = 0) -> None:
    every = max(1, round(len(line) / _MARKS))
    chosen = line.iloc[start % every :: every]
    axis.plot(chosen["moved"], chosen["delta_squared"], markeredgewidth=0.8, **_look(pattern))


def _look(pattern: str) -> dict[str, Any]:
    """How the marks of a pattern are drawn, without their line."""
    mark = PATTERNS.look(pattern)
    hollow = pattern in _HOLLOW
    return {
        "ls": "none",
        "marker": mark.marker,
        "ms": 4.2 if hollow else 3.0,
        "color": mark.colour,
        "markerfacecolor": "white" if hollow else mark.colour,
    }


def _key(frame: pd.DataFrame) -> list[Artist]:
    return [
        *(
            Line2D([], [], label=PATTERNS(pattern), **_look(pattern))
            for pattern in PATTERNS.order(frame["pattern"])
        ),
        Patch(color=GREY, alpha=0.4, lw=0, label="closed form"),
        Patch(color=_ZONE, lw=0, label="may invert"),
    ]


def _sizes(text: str) -> list[int]:
    return [int(size) for size in str(text).split(",")]
