"""Success rate against the size of the perturbation, one curve a method."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from advlearn.report.labels import Look
from advlearn.report.panels import decade_ticks, grid
from advlearn.report.placing import End, name_ends
from advlearn.report.style import PAGE_WIDTH
from advlearn.studies.topk.paper.labels import METHODS, SCHEMES
from advlearn.studies.topk.paper.lines import ends_of
from advlearn.studies.topk.paper.run import TopkTidy

_FIRST = 0.05
"""The axis begins where the first method succeeds on this share of the images of a panel."""
_LAST = 0.995
"""It ends at this quantile of the norms of the successes."""
_STEPS = 200
"""Norms at which the curves are evaluated, evenly spaced on the logarithmic axis."""


def draw(run: TopkTidy) -> Figure:
    """Two rows a scheme, one column a k: the success rates, and what each lacks of the first."""
    images = run.primary_images()
    schemes = SCHEMES.order(images["scheme"])
    ks = sorted(images["k"].unique())
    looks = METHODS.looks(images["method"])
    figure, panels = grid(
        2 * len(schemes), len(ks), height=1.25, head=0.3, width=PAGE_WIDTH, share="all", y="row"
    )
    norms = _norms(images)
    reference = next(iter(looks))
    ends = []
    for row, scheme in enumerate(schemes):
        for column, k in enumerate(ks):
            upper, lower = panels[2 * row : 2 * row + 2, column]
            part = images[(images["k"] == k) & (images["scheme"] == scheme)]
            curves = {
                name: _rates(part[part["method"] == name], norms)
                for name in looks
                if (part["method"] == name).any()
            }
            _curves(upper, curves, norms, looks)
            first = curves.get(reference)
            differences = {
                name: rates - first
                for name, rates in curves.items()
                if first is not None and name != reference
            }
            lower.axhline(0, color=looks[reference].colour, lw=0.9)
            _curves(lower, differences, norms, looks)
            count = part.groupby("method").size().max() if len(part) else 0
            upper.set_title(f"{SCHEMES(scheme)}, k = {k}, n = {count:,}")
            if column == len(ks) - 1:
                ends.append((upper, _ends(looks, curves)))
                ends.append((lower, _ends({n: looks[n] for n in differences}, differences)))
        panels[2 * row, 0].set_ylabel("success rate (%)")
        panels[2 * row, 0].set_ylim(-0.03, 1.03)
        panels[2 * row + 1, 0].set_ylabel(f"minus that\nof {looks[reference].label}")
    panels[0, 0].set_xscale("log")
    panels[0, 0].set_xlim(norms[0], norms[-1])
    for axis in panels.flat:
        axis.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda share, _: _percent(share)))
        decade_ticks(axis.xaxis)
    for axis in panels[-1]:
        axis.set_xlabel("L2 norm")
    figure.align_ylabels(panels[:, 0])
    name_ends(ends)
    return figure


def _percent(share: float) -> str:
    return f"{100 * share:.0f}".replace("-", "−")


def _ends(looks: Mapping[str, Look], curves: Mapping[str, np.ndarray]) -> list[End]:
    return ends_of(looks, {name: float(rates[-1]) for name, rates in curves.items()})


def _norms(images: pd.DataFrame) -> np.ndarray:
    """The norms of the horizontal axis, from the first successes to the last."""
    found = images[images["success"] & (images["l2"] > 0)]
    if found.empty:
        return np.geomspace(0.1, 1, _STEPS)
    firsts = [
        np.sort(part.loc[part["success"], "l2"])[int(_FIRST * len(part)) :][:1]
        for _, part in images.groupby(["scheme", "k", "method"])
    ]
    low = min([float(each) for first in firsts for each in first if each > 0], default=0.1)
    high = max(float(found["l2"].quantile(_LAST)), 2 * low)
    return np.geomspace(low, high, _STEPS)


def _rates(part: pd.DataFrame, norms: np.ndarray) -> np.ndarray:
    """Share of the images on which an attack succeeds with at most each norm."""
    reached = np.sort(part.loc[part["success"], "l2"].to_numpy(float))
    return np.searchsorted(reached, norms, side="right") / len(part)


def _curves(
    axis: Axes, curves: Mapping[str, np.ndarray], norms: np.ndarray, looks: Mapping[str, Look]
) -> None:
    for number, (name, rates) in enumerate(curves.items()):
        look = looks[name]
        # Marks at different places tell the curves apart without colour.
        every = (number * _STEPS // (6 * len(looks)), _STEPS // 6)
        axis.plot(
            norms, rates, look.line, color=look.colour, marker=look.marker, lw=0.9, ms=2.6,
            markevery=every, markeredgewidth=0,
        )  # fmt: skip
