"""Certified radius, true radius and smallest attack against gamma."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from advlearn.report.labels import BLACK, BLUE, GREY, ORANGE, VERMILION
from advlearn.report.panels import annotate, columns_for, grid, legend, log_axes, log_span
from advlearn.report.style import COLUMN_WIDTH, PAGE_WIDTH
from advlearn.studies.bilevel.paper.labels import DATASETS, WEIGHTS
from advlearn.studies.bilevel.paper.sandwich import sandwich
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.studies.bilevel.settings.certify import REBUILT

_BETWEEN = 0.35
_ACROSS = 4


def draw(tidy: BilevelTidy) -> Figure:
    """One column a data set, in blocks of a row an attacker (fixed, recomputed weights)."""
    frame = sandwich(tidy)
    # Of the victim who takes all anew one gamma is attacked and nothing certified.
    frame = frame[frame["weights"] != REBUILT]
    names = DATASETS.order(frame["dataset"])
    kinds = WEIGHTS.order(frame["weights"])
    across = columns_for(len(names), _ACROSS)
    blocks, wide = -(-len(names) // across), across > 2
    figure, panels = grid(
        blocks * len(kinds), across, height=1.3, head=0.65 if wide else 0.8,
        width=PAGE_WIDTH if wide else COLUMN_WIDTH,
    )  # fmt: skip
    for place in range(blocks * across):
        block, column = divmod(place, across)
        stack = panels[block * len(kinds) : (block + 1) * len(kinds), column]
        if place >= len(names):
            for axis in stack:
                axis.remove()
            continue
        name = names[place]
        here = frame[frame["dataset"] == name]
        gamma = tidy.study.datasets.get(name, {}).get("gamma")
        limits = _limits(here)
        for axis, kind in zip(stack, kinds, strict=True):
            _panel(axis, here[here["weights"] == kind].sort_values("gamma"), gamma, limits)
            if column == 0:
                axis.set_ylabel(f"{WEIGHTS(kind)}, ε".replace(" weights", "\nweights"))
        stack[0].set_title(DATASETS.short(name))
        stack[-1].set_xlabel("γ")
    figure.align_ylabels(panels[:, 0])
    named = any(tidy.study.datasets.get(name, {}).get("gamma") for name in names)
    legend(figure, _key(frame, named=named), 3 if wide else 2)
    return figure


def _key(frame: pd.DataFrame, *, named: bool) -> list[Artist]:
    """Entries of what is drawn; ``named``: whether a gamma of the attacks is known."""
    attacked, certified = frame["attacked"].notna(), frame["certified"]
    entries = {
        Line2D([], [], color=VERMILION, marker="s", ls="--", label="attacked"): attacked.any(),
        Patch(color=ORANGE, alpha=_BETWEEN, lw=0, label="the true radius lies here"): (
            attacked.any()
        ),
        Line2D([], [], color=BLUE, marker="o", label="certified"): (certified > 0).any(),
        Line2D([], [], color=BLUE, marker="v", ls="none", label="nothing certified"): (
            certified == 0
        ).any(),
        Line2D([], [], color=GREY, marker="x", ls="none", label="random noise"): (
            frame["noise"].notna().any()
        ),
        Line2D([], [], color=BLACK, ls=":", lw=0.8, label="γ of the attacks"): named,
    }
    return [entry for entry, drawn in entries.items() if drawn]


def _limits(here: pd.DataFrame) -> tuple[tuple[float, float], tuple[float, float]]:
    """Of both axes: what was tried on a data set, and no more."""
    gammas = here["gamma"][here["gamma"] > 0]
    low, high = (float(gammas.min()), float(gammas.max())) if len(gammas) else (1.0, 1.0)
    # Whole marks, and not halves of them, at either end; one gamma alone stands in the middle.
    air = max((high / low) ** 0.07, 1.02)
    sizes = here[["certified", "attacked", "noise"]].to_numpy(float)
    least, most = log_span(sizes[np.isfinite(sizes)].tolist())
    return (low / air, high * air), (least / 1.5, most * 1.5)


def _panel(
    axis: Axes,
    part: pd.DataFrame,
    gamma: float | None,
    limits: tuple[tuple[float, float], tuple[float, float]],
) -> None:
    log_axes(axis, *limits)
    if part.empty:
        annotate(axis, "not run")
        return
    x = part["gamma"].to_numpy(float)
    certified, attacked, noise = (
        part[name].to_numpy(float) for name in ("certified", "attacked", "noise")
    )
    floor = axis.get_ylim()[0]
    axis.fill_between(
        x, np.where(certified > 0, certified, floor), attacked, where=np.isfinite(attacked),
        color=ORANGE, alpha=_BETWEEN, lw=0,
    )  # fmt: skip
    axis.plot(x, np.where(certified > 0, certified, np.nan), color=BLUE, marker="o", lw=1, ms=2.5)
    nothing = certified == 0
    axis.plot(
        x[nothing], np.full(nothing.sum(), 0.04), ls="none", marker="v", color=BLUE, ms=3.5,
        transform=axis.get_xaxis_transform(),
    )  # fmt: skip
    axis.plot(x, attacked, color=VERMILION, marker="s", ls="--", lw=1, ms=2.5)
    axis.plot(x, noise, color=GREY, marker="x", ls="none", ms=3)
    if gamma is not None:
        axis.axvline(float(gamma), color=BLACK, ls=":", lw=0.8)
