"""What the figures of study 2 share: a mark for each method, lines with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from advlearn.report.labels import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, Mark
from advlearn.studies.topk.paper.common import method_label, method_order

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


def few_key() -> Line2D:
    """Key of the hollow marks."""
    return Line2D(
        [], [], color=GREY, marker="o", markerfacecolor="white", ls="none",
        label=f"n < {FEW}",
    )  # fmt: skip
