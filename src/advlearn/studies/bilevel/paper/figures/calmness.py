"""How far the solution moves, beside what calmness allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advlearn.report.labels import BLACK, Look
from advlearn.report.panels import (
    decade_ticks,
    grid,
    label_sides,
    legend,
    legend_entries,
    log_span,
)
from advlearn.report.style import PAGE_WIDTH
from advlearn.studies.bilevel.paper.labels import DATASETS, DIRECTIONS, WEIGHTS
from advlearn.studies.bilevel.schema import BilevelTidy

_SEEN = 1e-5
"""Changes below this share of the perturbation are drawn on the left edge."""
_ROW = 0.7
"""Height of the marks of a data set, where the next one is 1 away."""


def draw(tidy: BilevelTidy) -> Figure:
    """One row a data set; for each attacker the change by the perturbation and by its bound."""
    frame = tidy["bilevel_calmness"]
    frame = frame[(frame["size"] > 0) & frame["change"].notna()]
    frame = frame.assign(ratio=(frame["change"] / frame["size"]).clip(lower=_SEEN))
    names = DATASETS.order(frame["dataset"])
    kinds = WEIGHTS.order(frame["weights"])
    looks = DIRECTIONS.looks(frame["direction"])
    figure, panels = grid(
        1, 2 * len(kinds), height=0.3 * len(names) + 0.3, head=0.75, width=PAGE_WIDTH, y="all"
    )
    titles, sides = [], []
    for kind, pair in zip(kinds, panels[0].reshape(-1, 2), strict=True):
        part = frame[frame["weights"] == kind]
        ratios, shares = pair
        low, high = log_span([*part["ratio"], *_finite(part["modulus"])])
        ratios.set(xscale="log", xlim=(low / 1.5, high * 1.5))
        decade_ticks(ratios.xaxis)
        for place, name in enumerate(names):
            here = part[part["dataset"] == name]
            for modulus in _finite(here["modulus"]).unique():
                ratios.plot(modulus, place, "|", color=BLACK, ms=13, markeredgewidth=1.2)
        _marks(ratios, part, part["ratio"], names, looks)
        shares.axvline(1, color=BLACK, lw=0.8)
        known = part[part["bound"] > 0]
        _marks(shares, known, known["change"] / known["bound"], names, looks)
        shares.set_xlim(-0.04, 1.08)
        titles += [WEIGHTS(kind), WEIGHTS(kind)]
        sides += ["‖ΔX‖ / ‖E‖", "‖ΔX‖ / bound"]
    label_sides(figure, panels, titles=titles)
    for axis, side in zip(panels[0], sides, strict=True):
        axis.set_xlabel(side)
    panels[0, 0].set_yticks(range(len(names)), [DATASETS.short(name) for name in names])
    panels[0, 0].set_ylim(len(names) - 0.5, -0.5)
    modulus = Line2D([], [], color=BLACK, marker="|", ms=9, ls="none", label="κ, the modulus")
    legend(figure, [*legend_entries(looks.values(), line=False), modulus], len(looks) + 1)
    return figure


def _finite(values: pd.Series) -> pd.Series:
    return values.replace(np.inf, np.nan).dropna()


def _marks(
    axis: Axes,
    part: pd.DataFrame,
    x: pd.Series,
    names: Sequence[str],
    looks: Mapping[str, Look],
) -> None:
    """Marks in the row of their data set, larger perturbations below smaller ones."""
    ranks = part.groupby(["dataset", "direction"])["size"].rank()
    most = float(ranks.max()) if len(ranks) else 1.0
    shift = _ROW * ((ranks - 0.5) / max(most, 1.0) - 0.5)
    y = part["dataset"].map(list(names).index).astype(float) + shift
    for name, look in looks.items():
        here = part["direction"] == name
        axis.plot(
            x[here], y[here], look.marker, color=look.colour, ms=2.6, markeredgewidth=0, alpha=0.8
        )
