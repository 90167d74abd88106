"""Success rate against the size of the perturbation, one curve a method."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from advlearn.report.labels import Look
from advlearn.report.panels import grid, label_sides, legend, legend_entries, log_span, log_ticks
from advlearn.studies.topk.paper.labels import METHODS, SCHEMES
from advlearn.studies.topk.paper.run import TopkTidy


def draw(run: TopkTidy) -> Figure:
    """One row a k, one column a scheme."""
    images = run.primary_images()
    schemes = SCHEMES.order(images["scheme"])
    ks = sorted(images["k"].unique())
    looks = METHODS.looks(images["method"])
    figure, axes = grid(len(ks), len(schemes), height=1.35, head=1.1, share="all", y="all")
    span = log_span(list(images.loc[images["success"], "l2"]))
    for row, k in zip(axes, ks, strict=True):
        for axis, scheme in zip(row, schemes, strict=True):
            part = images[(images["k"] == k) & (images["scheme"] == scheme)]
            _panel(axis, part, looks, span)
            count = part.groupby("method").size().max() if len(part) else 0
            axis.set_title(f"{SCHEMES(scheme)}, k = {k}\nn = {count}")
    label_sides(figure, axes, rows=["success rate"] * len(ks), x="L2 norm")
    legend(figure, legend_entries(looks.values()))
    return figure


def _panel(
    axis: Axes, part: pd.DataFrame, looks: Mapping[str, Look], span: tuple[float, float]
) -> None:
    axis.set_xscale("log")
    axis.set_xlim(*span)
    log_ticks(axis.xaxis)
    axis.set_ylim(-0.03, 1.03)
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    for name, look in looks.items():
        here = part[part["method"] == name]
        if here.empty:
            continue
        norms = np.sort(here.loc[here["success"], "l2"].to_numpy())
        x = np.concatenate([[span[0]], norms, [span[1]]])
        y = np.concatenate([[0], np.arange(1, len(norms) + 1), [len(norms)]]) / len(here)
        axis.step(x, y, where="post", color=look.colour, ls=look.line, lw=1)
        # A mark at the median success tells the curves apart without colour.
        if len(norms):
            middle = (len(norms) - 1) // 2
            axis.plot(norms[middle], (middle + 1) / len(here), look.marker, color=look.colour)
