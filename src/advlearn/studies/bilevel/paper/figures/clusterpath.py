"""The clusterpath: where the points go as gamma grows, and how many clusters are left."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from advlearn.report.labels import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from advlearn.report.numbers import format_significant
from advlearn.report.panels import frame_only, grid, log_axes, log_span
from advlearn.studies.bilevel.paper.labels import DATASETS
from advlearn.studies.bilevel.schema import BilevelTidy

_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""Look of each cluster by its number, round and round."""


def draw(tidy: BilevelTidy) -> Figure:
    """One row a data set with trajectories; a run without any shows the numbers alone."""
    path, ways = tidy["bilevel_path"], tidy["bilevel_trajectories"]
    shown = DATASETS.order(set(ways["dataset"]) & set(path["dataset"]))
    names = shown or DATASETS.order(path["dataset"])
    figure, axes = grid(len(names), 2 if shown else 1, height=1.55, head=0.2)
    for row, name in zip(axes, names, strict=True):
        part = path[path["dataset"] == name].sort_values("gamma")
        chosen = _chosen(part, tidy.study.datasets.get(name, {}).get("gamma"))
        said = _numbers(row[-1], part, chosen)
        if shown:
            _trajectories(row[0], ways[ways["dataset"] == name], chosen)
            row[0].set_title(DATASETS.short(name))
            row[1].set_title(said)
        else:
            row[0].set_title(": ".join(filter(None, (DATASETS.short(name), said))))
        row[-1].set_ylabel("clusters")
    axes[-1, -1].set_xlabel("γ (dashed: of the attacks)")
    return figure


def _chosen(part: pd.DataFrame, gamma: float | None) -> float:
    """The gamma of the attacks: of the study's record, else of the chosen row, else none."""
    if gamma is not None:
        return float(gamma)
    marked = part.loc[part["chosen"] == 1, "gamma"]
    return float(marked.iloc[0]) if len(marked) else float("nan")


def _trajectories(axis: Axes, part: pd.DataFrame, chosen: float) -> None:
    part = part.sort_values(["point", "gamma"])
    gammas = np.sort(part["gamma"].unique())
    near = gammas[np.abs(np.log(gammas / chosen)).argmin()] if chosen > 0 else gammas[0]
    ways = [way[["x", "y"]].to_numpy() for _, way in part.groupby("point")]
    labels = part[part["gamma"] == near].set_index("point")["label"].astype(int)
    places = labels.to_numpy() % len(_COLOURS)
    colours = [_COLOURS[place] for place in places]
    axis.add_collection(LineCollection(ways, colors=colours, lw=0.3, alpha=0.5))
    first = part[part["gamma"] == gammas[0]].set_index("point").loc[labels.index]
    for place in sorted(set(places)):
        here = places == place
        axis.plot(
            first["x"][here], first["y"][here], ls="none", ms=1.8, mew=0,
            marker=_MARKERS[place], color=_COLOURS[place], label=f"cluster {place}",
        )  # fmt: skip
    axis.margins(0.06)
    frame_only(axis)


def _numbers(axis: Axes, part: pd.DataFrame, chosen: float) -> str:
    """Draw the number of clusters; what it is at the gamma of the attacks, in words."""
    log_axes(axis, log_span(list(part["gamma"])), log_span([0.8, *part["n_clusters"]]))
    axis.step(part["gamma"], part["n_clusters"], where="post", color=BLACK, lw=1)
    if not chosen > 0:
        return ""
    axis.axvline(chosen, color=ORANGE, ls="--", lw=1)
    near = part.loc[np.abs(np.log(part["gamma"] / chosen)).idxmin()]
    text = f"γ = {format_significant(chosen, 3)}: {int(near['n_clusters'])} clusters"
    return text if pd.isna(near["ari_truth"]) else f"{text}, ARI {near['ari_truth']:.2f}"
