"""The two-dimensional maps of the adversarial images, coloured by cluster."""

from __future__ import annotations

import matplotlib.patheffects as patheffects
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from advlearn.report.labels import BLUE, GREEN, GREY, LONGEST, ORANGE, PURPLE, SKY, VERMILION
from advlearn.report.panels import frame_only, grid, legend
from advlearn.report.placing import drop_covered
from advlearn.report.style import COLUMN_WIDTH, SMALL
from advlearn.studies.selective.paper.labels import ATTACKS, CLUSTERERS, REDUCTIONS
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.support.text import shown

# Two clusters of one colour differ in their mark, and the number tells all apart.
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION)
_LEAST = 0.01  # share of the images from which a cluster is named
_LINE = 30
_KEY = "number, share of the images"
_MAP = ["reduction", "clusterer", "setting"]
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")


def draw(tidy: SelectiveTidy) -> Figure:
    """One panel for each (reduction, clusterer) of the sampled maps."""
    frame = tidy["selective_embedding"]
    if frame.empty:
        figure = Figure(figsize=(COLUMN_WIDTH, 1.0))
        figure.text(0.5, 0.5, "this run has no two-dimensional map", ha="center", va="center")
        return figure
    # One universe, seed and attack: the maps of others look alike and tell nothing new.
    first = frame.iloc[0]
    one = {
        "universe": _prefer(frame["universe"], tidy.study.primary.universe),
        "seed": first["seed"],
        "attack": first["attack"],
    }
    frame = _where(frame, one)
    sizes = _where(tidy["selective_metrics"], {**one, "rule": "random"}).set_index(_MAP)
    panels = [
        ((str(a), str(b), str(c)), part) for (a, b, c), part in frame.groupby(_MAP, sort=True)
    ]
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    figure, grid_of_axes = grid(
        rows, columns, height=COLUMN_WIDTH / columns * 0.92 + 0.35, head=0.4
    )
    axes = list(grid_of_axes.ravel())
    numbers = []
    for axis, (key, part) in zip(axes, panels, strict=False):
        numbers.append((axis, _panel(axis, part)))
        axis.set_title("\n".join(_title(key, part, _chosen(sizes, key))), fontsize=SMALL)
    _key(figure, axes[len(panels) :], noise=bool((frame["cluster"] < 0).any()))
    universe = shown(str(one["universe"]), LONGEST)
    what = f"{universe}, {ATTACKS.short(first['attack'])} images, seed {first['seed']}"
    figure.supxlabel(what, fontsize=SMALL)
    for axis, texts in numbers:
        drop_covered(axis, texts)
    return figure


def _where(frame: pd.DataFrame, values: dict[str, object]) -> pd.DataFrame:
    for name, value in values.items():
        frame = frame[frame[name] == value]
    return frame


def _title(key: tuple[str, str, str], part: pd.DataFrame, chosen: str) -> list[str]:
    reduction, clusterer, setting = key
    lines = [shown(each, _LINE) for each in str(setting).split(",")]
    noise = (part["cluster"] < 0).mean()
    if noise:
        lines.append(f"noise: {noise:.0%}".replace("%", " %"))
    return [f"{CLUSTERERS.short(clusterer)}, {REDUCTIONS.short(reduction)}", *lines, chosen]


def _chosen(sizes: pd.DataFrame, key: tuple[str, str, str]) -> str:
    """Number and size of the cluster chosen at random."""
    if key not in sizes.index:
        return "no cluster chosen"
    cell = sizes.loc[[key]].iloc[0]
    return f"chosen: {cell['cluster']:.0f}, {cell['n_selected']:,.0f} images"


def _key(figure: Figure, free: list[Axes], *, noise: bool) -> None:
    """The legend: in the panel that is left over, else above all."""
    chosen = Line2D([], [], ls="none", marker="o", color=GREY, label="the chosen cluster")
    chosen.set(markeredgecolor="black", markeredgewidth=0.7)
    handles = [Line2D([], [], ls="none", marker="o", color=GREY, label="a cluster"), chosen]
    if noise:
        handles.append(Line2D([], [], ls="none", marker="x", color=GREY, label="noise"))
    if not free:
        legend(figure, handles)
    for axis in free:
        axis.set_axis_off()
        axis.legend(handles=handles, loc="center", title=_KEY, title_fontsize=SMALL)


def _panel(axis: Axes, part: pd.DataFrame) -> list[Text]:
    """Draw a map; the names of its clusters, the chosen one and the largest first."""
    noise = part[part["cluster"] < 0]
    axis.scatter(
        noise["x"], noise["y"], s=4, c=GREY, marker="x", lw=0.4, rasterized=True, label="noise"
    )
    # The chosen cluster is drawn last, on top.
    order = part[part["cluster"] >= 0].groupby("cluster")["chosen"].any().sort_values(kind="stable")
    for number, chosen in zip(order.index.astype(int), order, strict=True):
        points = part[part["cluster"] == number]
        axis.scatter(
            points["x"],
            points["y"],
            s=7 if chosen else 4,
            c=_COLOURS[number % len(_COLOURS)],
            label=f"cluster {number}",
            marker=_MARKERS[number % len(_MARKERS)],
            edgecolors="black" if chosen else "none",
            linewidths=0.35 if chosen else 0,
            alpha=1.0 if chosen else 0.55,
            rasterized=True,
        )
    texts: list[Text] = []
    shares = part["cluster"].value_counts(normalize=True)
    # The chosen cluster and the largest have room; clusters are numbered by falling size.
    for number in sorted(order.index.astype(int), key=lambda each: (not order[each], each)):
        points = part[part["cluster"] == number]
        if shares[number] < _LEAST and not order[number]:
            continue
        texts.append(
            axis.annotate(
                f"{number}\n{shares[number]:.0%}".replace("%", " %"),
                (points["x"].median(), points["y"].median()),
                ha="center",
                va="center",
                fontsize=SMALL,
                linespacing=0.95,
                fontweight="bold" if order[number] else "normal",
                path_effects=[patheffects.withStroke(linewidth=2, foreground="white")],
            )
        )
    frame_only(axis)
    return texts


def _prefer(values: pd.Series, wanted: str) -> str:
    return wanted if (values == wanted).any() else str(values.iloc[0])
