"""The weight of the norm: success, size of the perturbation and measures."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.frames import groups
from advlearn.report.labels import LONGEST, Labels
from advlearn.report.panels import draw_lines, grid, label_sides
from advlearn.studies.topk.paper.labels import MEASURES, NORMS, RATES, short_label_set
from advlearn.studies.topk.paper.run import TopkTidy
from advlearn.studies.topk.paper.summaries import over_images_and_seeds
from advlearn.support.text import shown

_PANELS = {
    "success rate": ("eligible", RATES),
    "L2 norm": ("success", NORMS),
    "change of measure": ("eligible", MEASURES),
}
"""Name of each row -> the images that its means are over, and its lines."""


def draw(run: TopkTidy) -> Figure:
    """One column a choice of k and labels, three rows."""
    table = over_images_and_seeds(run.experiment("alpha"), run.images("alpha"))
    weights = sorted(table["alpha"].unique())
    table["place"] = table["alpha"].map(weights.index)
    cells = list(groups(table, ["model", "scheme", "labels", "n_specified", "k"]))
    figure, axes = grid(len(_PANELS), len(cells), height=4.4 / 3, head=0, share="all", y="row")
    for column, ((model, *labels, k), part) in zip(axes.T, cells, strict=True):
        column[0].set_title(
            f"{shown(model, LONGEST // 2)}, {short_label_set(*labels)}, k = {k}", pad=15
        )
        for axis, (over, lines) in zip(column, _PANELS.values(), strict=True):
            draw_lines(axis, part[part["over"] == over], "place", lines.looks(), "metric")
        column[-1].set_xticks(range(len(weights)), [f"{weight:g}" for weight in weights])
        column[-1].axhline(0, color="black", lw=0.6)
    label_sides(figure, axes, rows=_PANELS, x="α")
    for axis, (_, lines) in zip(axes[:, 0], _PANELS.values(), strict=True):
        if len(lines) > 1:
            _key_above(axis, lines)
    axes[0, 0].set_ylim(-0.03, 1.03)
    return figure


def _key_above(axis: Axes, lines: Labels) -> None:
    for look in lines.looks().values():
        axis.plot([], [], color=look.colour, marker=look.marker, ls=look.line, label=look.label)
    axis.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(lines), borderaxespad=0.1,
        handletextpad=0.4, columnspacing=0.9,
    )  # fmt: skip
