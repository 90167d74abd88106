"""The weight of the norm: success, size of the perturbation and measures."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advlearn.report.frames import groups
from advlearn.report.labels import BLACK, BLUE, GREEN, ORANGE, PURPLE, VERMILION, Mark
from advlearn.report.style import COLUMN_WIDTH
from advlearn.studies.topk.paper.attacks import experiment
from advlearn.studies.topk.paper.common import MEASURES, set_label, summarise
from advlearn.studies.topk.paper.curves import draw_lines
from advlearn.studies.topk.paper.schema import TopkTidy

_PANELS: tuple[tuple[str, str, dict[str, Mark]], ...] = (
    (
        "success rate",
        "eligible",
        {
            "asr": Mark(BLUE, "o", "-", "ASR"),
            "stealth_asr": Mark(ORANGE, "s", "--", "stealth ASR"),
        },
    ),
    ("L2 norm", "success", {"l2": Mark(BLACK, "o", "-", "L2")}),
    (
        "change of measure",
        "eligible",
        {
            name: Mark(colour, marker, line, MEASURES[name])
            for name, (colour, marker, line) in zip(
                MEASURES,
                (
                    (BLUE, "o", "-"),
                    (VERMILION, "s", "--"),
                    (GREEN, "^", "-."),
                    (PURPLE, "D", ":"),
                ),
                strict=True,
            )
        },
    ),
)


def draw(tidy: TopkTidy) -> Figure:
    """One column a choice of k and labels, three rows.

    Raises:
        UserError: the run has no sweep.
    """
    table = summarise(experiment(tidy, "alpha"))
    weights = sorted(table["alpha"].unique())
    table["place"] = table["alpha"].map(weights.index)
    cells = list(groups(table, ["model", "scheme", "labels", "n_specified", "k"]))
    figure = Figure(figsize=(COLUMN_WIDTH, 4.4))
    axes = figure.subplots(len(_PANELS), len(cells), sharex=True, sharey="row", squeeze=False)
    for column, (key, part) in enumerate(cells):
        title = f"{key[0]}, {set_label(key[1], key[2], key[3])}, k = {key[4]}"
        axes[0, column].set_title(title, pad=15)
        for axis, (_, over, marks) in zip(axes[:, column], _PANELS, strict=True):
            draw_lines(axis, part[part["over"] == over], "place", marks, "metric")
        axes[-1, column].set_xticks(range(len(weights)), [f"{weight:g}" for weight in weights])
        axes[-1, column].set_xlabel("α")
        axes[-1, column].axhline(0, color="black", lw=0.6)
    for axis, (label, _, marks) in zip(axes[:, 0], _PANELS, strict=True):
        axis.set_ylabel(label)
        if len(marks) > 1:
            _key(axis, marks)
    axes[0, 0].set_ylim(-0.03, 1.03)
    figure.align_ylabels(axes[:, 0])
    return figure


def _key(axis: Axes, marks: dict[str, Mark]) -> None:
    for mark in marks.values():
        axis.plot([], [], color=mark.colour, marker=mark.marker, ls=mark.line, label=mark.label)
    axis.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(marks), borderaxespad=0.1,
        handletextpad=0.4, columnspacing=0.9,
    )  # fmt: skip
