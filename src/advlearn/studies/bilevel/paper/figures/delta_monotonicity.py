"""Where one more moved point does not increase the delta-measure."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advlearn.report.labels import BLACK, BLUE
from advlearn.report.panels import grid, legend
from advlearn.studies.bilevel.schema import BilevelTidy

_WORD = "share of moves that do not increase δ (white: none)"
_COLOURS = ListedColormap(mpl.colormaps["OrRd"](np.linspace(0.12, 1, 256)), "OrRd")
_NONE = 1e-9


def draw(tidy: BilevelTidy) -> Figure:
    """One panel a number of clusters."""
    frame = tidy["bilevel_monotone"]
    frame = frame[frame["moves"] > 0]
    counts = sorted(frame["n_clusters"].unique())
    figure, panels = grid(len(counts), 1, height=1.35, head=0.95, share="all")
    axes = panels[:, 0]
    for axis, count in zip(axes, counts, strict=True):
        part = frame[frame["n_clusters"] == count]
        mesh = _panel(axis, part)
        inside, bad = int(part["inside_region"].sum()), int(part["violations_inside"].sum())
        axis.set_title(f"{count} clusters: {bad} exceptions in {inside:,} moves of the region")
        axis.set_ylabel("imbalance")
    axes[-1].set_xlabel("share of the points moved before")
    figure.colorbar(mesh, ax=list(axes), location="bottom", aspect=40, pad=0.02, label=_WORD)
    legend(
        figure,
        [
            Line2D([], [], color=BLACK, lw=1.2, label="all in the region"),
            Line2D([], [], color=BLUE, lw=1.2, ls="--", label="none in the region"),
        ],
        2,
    )
    return figure


def _panel(axis: Axes, part: pd.DataFrame) -> QuadMesh:
    imbalances = sorted(part["imbalance"].unique())
    shares = np.array(sorted(part["share_moved"].unique()))
    sums = part.groupby(["imbalance", "share_moved"])[["moves", "not_monotone", "inside_region"]]
    cells = sums.sum()
    share = (cells["not_monotone"] / cells["moves"]).unstack().reindex(imbalances)[shares]
    inside = (cells["inside_region"] / cells["moves"]).unstack().reindex(imbalances)[shares]
    between = (shares[1:] + shares[:-1]) / 2
    edges = np.concatenate(([0.0], between, [1.0]))
    rows = np.arange(len(imbalances) + 1) - 0.5
    # A few exceptions look unlike none: the least share has a colour, and none is white.
    some = np.ma.masked_less(share.to_numpy(float), _NONE)
    mesh = axis.pcolormesh(
        edges, rows, some, cmap=_COLOURS, vmin=0, vmax=1, edgecolor="face", lw=0.2
    )
    all_in, some_in = (inside >= 1).to_numpy(), (inside > 0).to_numpy()
    # Up to the first cell with a partition outside; up to the last one with a partition inside.
    until = np.where(all_in.all(1), len(shares), (~all_in).argmax(1))
    last = np.where(some_in.any(1), len(shares) - some_in[:, ::-1].argmax(1), 0)
    for places, colour, line in ((until, BLACK, "-"), (last, BLUE, "--")):
        axis.stairs(
            edges[places], rows, orientation="horizontal", baseline=None,
            color=colour, ls=line, lw=1.2,
        )  # fmt: skip
    step = max(1, round(len(imbalances) / 5))
    axis.set_yticks(range(0, len(imbalances), step), [f"{each:g}" for each in imbalances[::step]])
    axis.grid(False)
    return mesh
