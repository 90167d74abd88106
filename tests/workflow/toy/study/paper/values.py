"""Every mean against the number of draws."""

from __future__ import annotations

from advlearn.studies.toy.paper.schema import ToyTidy
from matplotlib.figure import Figure

from advlearn.report.labels import BLUE
from advlearn.report.panels import grid


def draw(tidy: ToyTidy) -> Figure:
    """One mark a seed and number of draws."""
    figure, ((axis,),) = grid(1, 1, height=2.0, head=0.3)
    draws = tidy["toy_draws"]
    axis.plot(draws["size"], draws["value"], ls="none", marker="o", color=BLUE)
    axis.axhline(0.5, color="black", lw=0.6)
    axis.set_xlabel("draws")
    axis.set_ylabel("mean")
    return figure
