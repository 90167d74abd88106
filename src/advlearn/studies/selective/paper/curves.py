"""Curves over the number of clusters: what Figures 1, 2 and 3 share."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from advlearn.report.intervals import over_seeds
from advlearn.report.labels import GREY, LONGEST, Look
from advlearn.report.panels import grid, hollow_entry, label_sides, legend, legend_entries, limits
from advlearn.studies.selective.paper.cells import (
    baseline_rows,
    baselines,
    curves,
    one_random_cluster,
)
from advlearn.studies.selective.paper.cluster_tables import ALGORITHMS
from advlearn.studies.selective.paper.labels import CLUSTERERS, METRICS, PROTOCOLS, REDUCTIONS
from advlearn.studies.selective.paper.universe_protocol import (
    UniverseProtocol,
    pairs_of,
    primary_pair,
    universe_protocols,
)
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.support.text import shown

_BAND = 0.18
_SHIFT = 0.12
"""Clusters by which curves that would lie on one another are moved apart."""


def draw_clusters(tidy: SelectiveTidy, published_name: str, attack: str) -> Figure:
    """Figures 1 and 2: clean, adversarial and average accuracy of k-means and agglomerative.

    Args:
        tidy: the run.
        published_name: table of the published points.
        attack: ``fgsm`` or ``pgd``.
    """
    lines = curves(one_random_cluster(tidy, attack))
    lines = lines[lines["reduction"] == "pca"]
    beside = tidy.study.belongs_beside(primary_pair(tidy).universe)
    published = tidy.published(published_name) if beside else None
    return _draw(tidy, lines, "algorithm", CLUSTERERS.looks(ALGORITHMS), attack, published)


def draw_reductions(tidy: SelectiveTidy, attack: str, clusterer: str) -> Figure:
    """Figure 3: clean, adversarial and average accuracy with and without reduction.

    Args:
        tidy: the run.
        attack: attack of the curves.
        clusterer: clusterer of the curves.
    """
    lines = curves(one_random_cluster(tidy, attack))
    lines = lines[lines["algorithm"] == clusterer]
    looks = REDUCTIONS.looks(lines["reduction"].unique())
    if "none" in looks:
        looks["none"] = looks["none"]._replace(label="none")
    return _draw(tidy, lines, "reduction", looks, attack, None)


def _draw(
    tidy: SelectiveTidy,
    lines: pd.DataFrame,
    kind: str,
    looks: Mapping[str, Look],
    attack: str,
    published: pd.DataFrame | None,
) -> Figure:
    """One block of rows a universe, one row of it a metric, one column a protocol.

    A panel has one curve a value of the column ``kind``.
    """
    everything = baselines(baseline_rows(tidy)).query("attack == @attack and rule == 'all'")
    everything = over_seeds(everything, ["universe", "protocol", "metric"])
    ran, first = set(pairs_of(lines)), primary_pair(tidy)
    pairs = [pair for pair in universe_protocols(tidy) if pair in ran or pair == first]
    universes = list(dict.fromkeys(pair.universe for pair in pairs))
    protocols = list(dict.fromkeys(pair.protocol for pair in pairs))
    count = len(METRICS)
    figure, panels = grid(len(universes) * count, len(protocols), height=1.2, head=0.8, share="all")
    for place, universe in enumerate(universes):
        block = panels[place * count : (place + 1) * count]
        # One paper, one setting: its points stand only in the universe compared with it.
        points = published if universe == first.universe else None
        titles = []
        for column, protocol in enumerate(protocols):
            pair = UniverseProtocol(universe, protocol)
            mark = "*" if pair == first and len(pairs) > 1 else ""
            titles.append(f"{shown(universe, LONGEST)}, {PROTOCOLS(protocol)}{mark}")
            for axis, metric in zip(block[:, column], METRICS, strict=True):
                levels = _of_metric(pair.of(everything), metric)["mean"]
                given = None if points is None else _of_metric(points, metric)
                _panel(axis, _of_metric(pair.of(lines), metric), kind, looks, levels, given)
        names = [METRICS(metric).replace(" ", "\n") for metric in METRICS]
        label_sides(figure, block, titles=titles, rows=names)
    label_sides(figure, panels, x="clusters")
    handles: list[Artist] = [*legend_entries(looks.values())]
    if published is not None:
        handles.append(hollow_entry("published"))
    if len(everything):
        handles.append(Line2D([], [], color="black", ls=":", lw=0.9, label="all images"))
    if lines["ci_low"].notna().any():
        handles.append(Patch(color=GREY, alpha=_BAND * 2, lw=0, label="95 % interval"))
    legend(figure, handles)
    return figure


def _of_metric(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    return frame[frame["metric"] == metric]


def _panel(
    axis: Axes,
    lines: pd.DataFrame,
    kind: str,
    looks: Mapping[str, Look],
    everything: pd.Series,
    published: pd.DataFrame | None,
) -> None:
    values: list[float] = []
    tried = set(lines.loc[lines[kind].isin(looks), "n_clusters"])
    shift = {name: _SHIFT * (i - (len(looks) - 1) / 2) for i, name in enumerate(looks)}
    for name, look in looks.items():
        curve = lines[lines[kind] == name].sort_values("n_clusters")
        if curve.empty:
            continue
        low, high = (curve[bound].clip(0, 1) for bound in ("ci_low", "ci_high"))
        x = curve["n_clusters"] + shift[name]
        axis.fill_between(x, low, high, color=look.colour, alpha=_BAND, lw=0)
        axis.plot(x, curve["mean"], look.line, color=look.colour, marker=look.marker)
        values += [*curve["mean"], *low, *high]
    for name, look in looks.items():
        if published is None:
            break
        given = published[published[kind] == name].sort_values("n_clusters")
        if tried:
            given = given[given["n_clusters"].isin(tried)]
        axis.plot(
            given["n_clusters"] + shift[name],
            given["published"],
            color=look.colour,
            marker=look.marker,
            markerfacecolor="white",
            markeredgewidth=0.8,
            ls=look.line,
            lw=0.5,
            alpha=0.9,
        )
        values += list(given["published"])
    for level in everything:
        axis.axhline(float(level), color="black", ls=":", lw=0.9)
        values.append(float(level))
    if not tried:
        axis.set_title("not run", fontsize=6.5, loc="right", style="italic")
    axis.set_ylim(*limits(values))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5, min_n_ticks=1))
    axis.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axis.ticklabel_format(axis="y", useOffset=False)
    if tried:
        axis.set_xlim(min(tried) - 0.4, max(tried) + 0.4)
