"""Curves over the number of clusters: what Figures 1, 2 and 3 share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from advlearn.report.labels import BLACK, Look
from advlearn.report.numbers import seed_count
from advlearn.report.panels import (
    annotate,
    grid,
    hollow_entry,
    hollow_marks,
    label_sides,
    legend,
    legend_entries,
    limits,
    seed_dots,
    seed_entry,
)
from advlearn.report.style import SMALL
from advlearn.studies.selective.paper.cells import (
    baseline_rows,
    baselines,
    cells,
    one_random_cluster,
)
from advlearn.studies.selective.paper.cluster_tables import ALGORITHMS
from advlearn.studies.selective.paper.labels import CLUSTERERS, METRICS, REDUCTIONS
from advlearn.studies.selective.paper.plausible import ShownSet, plausible_set
from advlearn.studies.selective.paper.universe_protocol import pairs_of
from advlearn.studies.selective.paper.universe_set import members
from advlearn.studies.selective.schema import SelectiveTidy

_SHIFT = 0.24
"""Clusters by which curves stand beside one another, so that no mark hides another."""
_MOST_TICKS = 10


class _Lines(NamedTuple):
    """What a figure shows.

    Attributes:
        kind: column that names a curve.
        looks: how the curves are drawn.
        points: one random cluster, predicted: kind, n_clusters, metric, seed, value.
        everything: adversarial training on all images, predicted: metric, seed, value.
        published: kind, n_clusters, metric, published.
        level: published accuracy of adversarial training by metric.
    """

    kind: str
    looks: Mapping[str, Look]
    points: pd.DataFrame
    everything: pd.DataFrame
    published: pd.DataFrame
    level: Mapping[str, float]


def draw_clusters(tidy: SelectiveTidy, published_name: str, attack: str) -> Figure:
    """Figures 1 and 2: k-means against agglomerative clustering after PCA.

    Args:
        tidy: the run.
        published_name: table of the published points.
        attack: ``fgsm`` or ``pgd``.
    """
    rows = one_random_cluster(tidy, attack)
    rows = rows[(rows["reduction"] == "pca") & rows["algorithm"].isin(ALGORITHMS)]
    looks = CLUSTERERS.looks(ALGORITHMS)
    metrics = ("adversarial_accuracy", "clean_accuracy", "average_accuracy")
    return _draw(tidy, rows, "algorithm", looks, metrics, attack, _published(tidy, published_name))


def draw_reductions(
    tidy: SelectiveTidy, published_name: str, attack: str, clusterer: str
) -> Figure:
    """Figure 3: one clusterer without reduction, after PCA and after t-SNE.

    Args:
        tidy: the run.
        published_name: table that prints the points of the curve after PCA.
        attack: attack of the curves.
        clusterer: clusterer of the curves.
    """
    rows = one_random_cluster(tidy, attack)
    rows = _shared(rows[rows["algorithm"] == clusterer])
    published = _published(tidy, published_name)
    published = published[published["algorithm"] == clusterer].assign(reduction="pca")
    looks = REDUCTIONS.looks(rows["reduction"].unique())
    metrics = ("adversarial_accuracy", "clean_accuracy")
    return _draw(tidy, rows, "reduction", looks, metrics, attack, published)


def _shared(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of universes and seeds that every reduction has, if there are any: else all rows.

    Curves of other seeds would lie apart for that reason alone.
    """
    kinds = rows.groupby(["universe", "seed"])["reduction"].transform("nunique")
    shared = rows[kinds == rows["reduction"].nunique()]
    return shared if len(shared) else rows


def _published(tidy: SelectiveTidy, name: str) -> pd.DataFrame:
    """The published points, none where they are of other data or another network."""
    frame = tidy.published(name)
    beside = [tidy.study.belongs_beside(pair.universe) for pair in plausible_set(tidy).weights]
    return frame if all(beside) else frame.head(0)


def _draw(
    tidy: SelectiveTidy,
    rows: pd.DataFrame,
    kind: str,
    looks: Mapping[str, Look],
    metrics: Sequence[str],
    attack: str,
    published: pd.DataFrame,
) -> Figure:
    """The first metric in a large panel, the others in companions below it."""
    plausible = plausible_set(tidy)
    selected = cells(rows).rename(columns={"clusterer": "algorithm"})
    without = baselines(baseline_rows(tidy)).query("attack == @attack and rule == 'all'")
    if len(selected):
        without = without.merge(selected[["universe", "seed"]].drop_duplicates())
    found = _Lines(
        kind,
        looks,
        plausible.mean(selected, [kind, "n_clusters", "metric"]),
        plausible.mean(without, ["metric"]),
        published,
        _published_level(tidy, attack) if len(published) else {},
    )
    heights = [2.3, *[1.0] * (len(metrics) - 1)]
    figure, panels = grid(
        len(metrics),
        1,
        height=sum(heights) / len(heights),
        head=0.75,
        share="all",
        gridspec_kw={"height_ratios": heights},
    )
    for axis, metric in zip(panels[:, 0], metrics, strict=True):
        _panel(axis, found, metric)
    label_sides(figure, panels, rows=[METRICS(name).replace(" ", "\n") for name in metrics])
    title = _title(plausible, selected, found)
    panels[0, 0].set_title(title, loc="left", fontsize=SMALL)
    _horizontal(panels[-1, 0], found)
    drawn = [look for name, look in looks.items() if (found.points[kind] == name).any()]
    handles = legend_entries(drawn, marker="none")
    if len(found.points):
        handles.append(seed_entry())
    if len(published):
        handles.append(hollow_entry("published"))
    legend(figure, handles)
    return figure


def _published_level(tidy: SelectiveTidy, attack: str) -> dict[str, float]:
    frame = tidy.published("selective_baselines")
    frame = frame[frame["algorithm"] == "adversarial_training"]
    frame = frame[frame["attack"].isna() | (frame["attack"] == attack)]
    return dict(zip(frame["metric"], frame["published"].astype(float), strict=True))


def _title(plausible: ShownSet, selected: pd.DataFrame, found: _Lines) -> str:
    """The set of universes and the number of seeds; of each curve, where these differ."""
    inside = members(selected, plausible.weights).dropna(subset=["value"])
    alike: dict[tuple[int, int], list[str]] = {}
    for name, look in found.looks.items():
        points = found.points[found.points[found.kind] == name]
        universes = len({*pairs_of(inside[inside[found.kind] == name])})
        if len(points):
            alike.setdefault((universes, points["seed"].nunique()), []).append(look.label)
    whole = len(plausible.weights)
    if len(alike) <= 1:
        seeds = seed_count(number for _, number in alike)
        part = "".join(f"{universes} of " for universes, _ in alike if universes < whole)
        return f"{part}{plausible.label}, {seeds.words}"
    parts = [
        f"{', '.join(names)}: {f'{universes} of them, ' if universes < whole else ''}"
        f"{seed_count([number]).words}"
        for (universes, number), names in alike.items()
    ]
    return "\n".join([plausible.label, *parts])


def _tried(found: _Lines) -> list[int]:
    frame = found.points if len(found.points) else found.published
    return sorted({int(n) for n in frame.loc[frame[found.kind].isin(found.looks), "n_clusters"]})


def _beside(tried: Sequence[int]) -> int:
    """Where training on all images stands: one step before the first number of clusters."""
    return min(tried, default=1) - 1


def _panel(axis: Axes, found: _Lines, metric: str) -> None:
    points, everything, published = (
        frame[frame["metric"] == metric]
        for frame in (found.points, found.everything, found.published)
    )
    tried = _tried(found)
    beside, values = _beside(tried), [*points["value"], *everything["value"]]
    for number, (name, look) in enumerate(found.looks.items()):
        shift = _SHIFT * (number - (len(found.looks) - 1) / 2)
        part = points[points[found.kind] == name]
        seed_dots(axis, part["n_clusters"] + shift, part["value"], look.colour)
        mean = part.groupby("n_clusters")["value"].mean()
        axis.plot(mean.index + shift, mean, look.line, color=look.colour, label=f"mean {name}")
        given = published[(published[found.kind] == name) & published["n_clusters"].isin(tried)]
        hollow_marks(
            axis, given["n_clusters"] + shift, given["published"], look, f"published {name}"
        )
        values += [*given["published"]]
    seed_dots(axis, [beside] * len(everything), everything["value"], BLACK)
    if len(everything):
        level = float(everything["value"].mean())
        axis.axhline(level, color=BLACK, ls=":", lw=0.9)
        axis.text(
            1.01,
            level,
            "all\nimages",
            transform=axis.get_yaxis_transform(),
            va="center",
            size=SMALL,
        )
    if metric in found.level:
        look = Look(BLACK, "D", "none", "all images")
        hollow_marks(axis, [beside], [found.level[metric]], look, "published all")
        values.append(found.level[metric])
    if points.empty:
        annotate(axis, "not run")
    axis.set_ylim(*limits(values))
    axis.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axis.ticklabel_format(axis="y", useOffset=False)


def _horizontal(axis: Axes, found: _Lines) -> None:
    tried = _tried(found)
    beside = _beside(tried)
    ticks: list[float] = list(tried)
    if len(tried) > _MOST_TICKS or (tried and np.ptp(tried) > 2 * _MOST_TICKS):
        chosen = MaxNLocator(nbins=_MOST_TICKS - 2, integer=True).tick_values(tried[0], tried[-1])
        ticks = [value for value in chosen if tried[0] <= value <= tried[-1]]
    axis.set_xticks([beside, *ticks], ["all", *(f"{value:g}" for value in ticks)])
    axis.set_xlim(beside - 0.5, max(tried, default=1) + 0.5)
    axis.set_xlabel("clusters")
