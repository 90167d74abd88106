"""Size of the perturbation against k."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.panels import (
    annotate,
    draw_lines,
    few_note,
    flow,
    last_in_rows,
    log_span,
    log_ticks,
    lowest,
)
from advlearn.report.placing import name_ends
from advlearn.report.style import PAGE_WIDTH
from advlearn.studies.topk.paper.labels import METHODS, short_label_set
from advlearn.studies.topk.paper.lines import ends_of, seed_means
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.summaries import over_images_and_seeds
from advlearn.support.errors import UserError

_ACROSS = 5
_KEYS = ["scheme", "labels", "n_specified"]


def draw(run: TopkTidy) -> Figure:
    """One panel a label set, then one a number of random labels; names of lines at their ends."""
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
    table = table.sort_values(_KEYS)
    images = run.primary_images()
    seeds = seed_means(images[images["success"]], [*_KEYS, "k", "method"], "l2")
    looks = METHODS.looks(table["method"])
    parts = list(table.groupby(_KEYS, sort=False))
    figure, panels = flow(
        len(parts), _ACROSS, height=2.0, head=0.35, width=PAGE_WIDTH, share="all", y="all"
    )
    # A wide interval of few images may run out of the panel; the means never do.
    arms = table["ci_high"].clip(upper=2 * table["mean"].max())
    panels[0, 0].set_yscale("log")
    panels[0, 0].set_ylim(*log_span([*table["mean"], *arms, *(table["mean"] ** 2 / arms)]))
    ends = {}
    for axis, (key, part) in zip(panels.flat, parts, strict=False):
        _panel(axis, part, sorted(table["k"].unique()))
        same = (seeds[_KEYS] == list(key)).all(axis="columns")
        ends[axis] = draw_lines(axis, part, "k", looks, "method", seeds[same])
    for axis in panels[:, 0]:
        axis.set_ylabel("L2 norm")
    for axis in lowest(panels):
        axis.set_xlabel("k")
    if note := few_note(table):
        figure.supxlabel(note)
    name_ends((axis, ends_of(looks, ends[axis])) for axis in last_in_rows(panels))
    return figure


def _panel(axis: Axes, part: pd.DataFrame, ks: list[int]) -> None:
    first = part.iloc[0]
    name = short_label_set(first["scheme"], first["labels"], first["n_specified"])
    axis.set_title("\n".join(name.rsplit(", ", 1)))
    log_ticks(axis.yaxis)
    axis.set_xticks(ks)
    axis.set_xlim(min(ks) - 0.5, max(ks) + 0.5)
    for k in sorted(set(ks) - set(part.loc[part["n"] > 0, "k"])):
        annotate(axis, "n = 0", k, turned=True)
