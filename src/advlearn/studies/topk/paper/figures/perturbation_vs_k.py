"""Size of the perturbation against k."""

from __future__ import annotations

from itertools import zip_longest

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.panels import (
    annotate,
    draw_lines,
    few_entry,
    grid,
    legend,
    legend_entries,
    log_span,
    log_ticks,
)
from advlearn.studies.topk.paper.labels import METHODS, short_label_set
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.summaries import over_images_and_seeds
from advlearn.support.errors import UserError


def draw(run: TopkTidy) -> Figure:
    """One panel a label set (left) and a number of random labels (right)."""
    frame = run["topk_metrics"].query(
        "experiment in ['global', 'random'] and metric == 'l2' and over == 'success'"
        " and model == @run.study.primary_model and preset == @run.study.preset"
    )
    if frame.empty:
        raise UserError(
            "the run has neither fixed nor random label sets on the primary model",
            where=f"{run.folder}/topk_metrics.csv",
            remedy="run the experiments 'global' and 'random', then collect again",
        )
    table = over_images_and_seeds(frame, run["topk_images"])
    table = table.sort_values(["labels", "n_specified", "k"])
    looks = METHODS.looks(table["method"])
    columns = [
        [part for _, part in table[table["scheme"] == scheme].groupby(keys, sort=False)]
        for scheme, keys in (("global", ["labels"]), ("random", ["n_specified"]))
    ]
    columns = [column for column in columns if column]
    rows = list(zip_longest(*columns))
    figure, axes = grid(len(rows), len(columns), height=1.35, head=1.1, share="all", y="all")
    for row, panels in zip(axes, rows, strict=True):
        for axis, part in zip(row, panels, strict=True):
            if part is None:
                axis.set_visible(False)
            else:
                _panel(axis, part, sorted(table["k"].unique()))
                draw_lines(axis, part, "k", looks, "method")
        first = next(axis for axis in row if axis.get_visible())
        first.set_ylabel("L2 norm")
        first.tick_params(labelleft=True)
    for column in axes.T:
        # The lowest panel that has something to show carries the axis.
        lowest = [axis for axis in column if axis.get_visible()][-1]
        lowest.set_xlabel("k")
        lowest.tick_params(labelbottom=True)
    # A wide interval of few images may run out of the panel; the means never do.
    arms = table["ci_high"].clip(upper=2 * table["mean"].max())
    axes[0, 0].set_ylim(*log_span([*table["mean"], *arms, *(table["mean"] ** 2 / arms)]))
    legend(figure, [*legend_entries(looks.values()), few_entry()])
    return figure


def _panel(axis: Axes, part: pd.DataFrame, ks: list[int]) -> None:
    first = part.iloc[0]
    axis.set_title(short_label_set(first["scheme"], first["labels"], first["n_specified"]))
    axis.set_yscale("log")
    log_ticks(axis.yaxis)
    axis.set_xticks(ks)
    axis.set_xlim(min(ks) - 0.5, max(ks) + 0.5)
    for k in sorted(set(ks) - set(part.loc[part["n"] > 0, "k"])):
        annotate(axis, "n = 0", k, turned=True)
