"""The weight of the norm: success, size of the perturbation and measures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.frames import groups
from advlearn.report.labels import LONGEST
from advlearn.report.panels import draw_lines, few_note, grid, label_sides
from advlearn.report.placing import End, name_ends
from advlearn.report.style import COLUMN_WIDTH, PAGE_WIDTH
from advlearn.studies.topk.paper.labels import MEASURES, NORMS, RATES, short_label_set
from advlearn.studies.topk.paper.lines import ends_of, seed_means
from advlearn.studies.topk.paper.pairs import mean_differences, pairs
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.summaries import over_images_and_seeds, per_image
from advlearn.support.text import shown

_ROWS = {"success rate": RATES, "L2 norm": NORMS, "change of measure": MEASURES}
_LEAST = 0.05
"""Ratios nearer to 1 than this are not blown up."""
_CELL = ["model", "scheme", "labels", "n_specified", "k"]


def draw(run: TopkTidy) -> Figure:
    """One column a choice of k and labels, three rows."""
    images = run.images("alpha")
    table = over_images_and_seeds(run.experiment("alpha"), images)
    table = table[(table["over"] == "eligible") & table["metric"].isin([*RATES, *MEASURES])]
    every = per_image(images).query("over == 'eligible'")
    every = every[every["metric"].isin(table["metric"])]
    seeds = seed_means(every, [*_CELL, "alpha", "metric"], "value")
    weights = sorted(table["alpha"].unique())
    ratios, ratio_seeds = _ratios(images, weights[0])
    table = pd.concat([table, ratios], ignore_index=True)
    seeds = pd.concat([seeds, ratio_seeds], ignore_index=True)
    for frame in (table, seeds):
        frame["place"] = frame["alpha"].map(weights.index)
    cells = list(groups(table, _CELL))
    width = COLUMN_WIDTH if len(cells) == 1 else PAGE_WIDTH
    figure, panels = grid(
        len(_ROWS), len(cells), height=1.4, head=0.2, width=width, share="all", y="row"
    )
    ends: list[tuple[Axes, list[End]]] = []
    for column, (key, part) in zip(panels.T, cells, strict=True):
        model, *labels, k = key
        column[0].set_title(f"{shown(model, LONGEST // 2)}, {short_label_set(*labels)}, k = {k}")
        dots = seeds[(seeds[_CELL] == list(key)).all(axis="columns")]
        for axis, lines in zip(column, _ROWS.values(), strict=True):
            looks = lines.looks()
            last = draw_lines(axis, part, "place", looks, "metric", dots)
            if axis in panels[:, -1] and len(looks) > 1:
                ends.append((axis, ends_of(looks, last)))
        column[1].axhline(1, color="black", lw=0.6)
        column[-1].axhline(0, color="black", lw=0.6)
        column[-1].set_xticks(range(len(weights)), [f"{weight:g}" for weight in weights])
    names = list(_ROWS)
    names[1] = f"L2 norm, by that\nof α = {weights[0]:g}"
    label_sides(figure, panels, rows=names, x="α")
    panels[0, 0].set_ylim(-0.03, 1.03)
    low, high = panels[1, 0].get_ylim()
    panels[1, 0].set_ylim(min(low, 1 - _LEAST), max(high, 1 + _LEAST))
    if note := few_note(table):
        figure.supxlabel(note)
    name_ends(ends)
    return figure


def _ratios(images: pd.DataFrame, first: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Norm by that of the smallest weight, on the images on which both succeed.

    The mean norm of the successes alone would fall where only easy images are left.

    Returns:
        Rows as `draw_lines` reads them, and the mean of each seed; geometric means.
    """
    found = pairs(images, {"alpha": first})
    found = found[found["metric"] == "l2_ratio"]
    table = mean_differences(found, [*_CELL, "alpha"]).assign(metric="l2")
    seeds = seed_means(found, [*_CELL, "alpha"], "value").assign(metric="l2")
    seeds["value"] = np.exp(seeds["value"])
    one = images.loc[images["alpha"] == first, _CELL].drop_duplicates()
    successes = int(images.loc[images["alpha"] == first, "success"].sum())
    one = one.assign(alpha=first, metric="l2", mean=1.0, n=successes)
    parts = [part for part in (one, table) if len(part)]
    return pd.concat(parts, ignore_index=True), seeds
