"""Curves over the number of clusters: what Figures 1, 2 and 3 share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from advlearn.report.intervals import over_seeds
from advlearn.report.labels import GREY, Mark
from advlearn.report.panels import column_figure, key, legend, limits
from advlearn.report.style import CLUSTERERS, REDUCTIONS
from advlearn.studies.selective.paper.common import (
    METRIC_LABELS,
    METRICS,
    PROTOCOL_LABELS,
    baselines,
    curves,
    is_primary,
    scopes,
)
from advlearn.studies.selective.paper.schema import SelectiveTidy

_BAND = 0.18
_DODGE = 0.12


def draw_clusters(tidy: SelectiveTidy, published_name: str, attack: str) -> Figure:
    """Figures 1 and 2: clean, adversarial and average accuracy of k-means and agglomerative.

    Args:
        tidy: the run.
        published_name: table of the published points.
        attack: ``fgsm`` or ``pgd``.
    """
    ours = curves(tidy, attack, "pca")
    published = tidy.published(published_name)
    by_algorithm = {name: CLUSTERERS[name] for name in ("kmeans", "agglomerative")}
    handles = key(by_algorithm.values())
    handles += [
        Line2D(
            [], [], color=GREY, marker="o", markerfacecolor="white", ls="none", label="published"
        )
    ]
    return _grid(tidy, ours, "algorithm", by_algorithm, METRICS, attack, handles, published)


def draw_reductions(tidy: SelectiveTidy, attack: str, clusterer: str) -> Figure:
    """Figure 3: clean, adversarial and average accuracy with and without reduction.

    Args:
        tidy: the run.
        attack: attack of the curves.
        clusterer: clusterer of the curves.
    """
    parts = []
    for reduction in REDUCTIONS:
        part = curves(tidy, attack, reduction)
        parts.append(part[part["algorithm"] == clusterer].assign(reduction=reduction))
    ours = pd.concat(parts, ignore_index=True)
    marks = {name: mark for name, mark in REDUCTIONS.items() if name in set(ours["reduction"])}
    return _grid(tidy, ours, "reduction", marks, METRICS, attack, key(marks.values()), None)


def _grid(
    tidy: SelectiveTidy,
    ours: pd.DataFrame,
    kind: str,
    marks: Mapping[str, Mark],
    metrics: Sequence[str],
    attack: str,
    handles: list[Line2D],
    published: pd.DataFrame | None,
) -> Figure:
    reference = baselines(tidy)
    reference = over_seeds(
        reference[(reference["attack"] == attack) & (reference["rule"] == "all")],
        ["universe", "protocol", "metric"],
    )
    ran = set(zip(ours["universe"], ours["protocol"], strict=True))
    pairs = [pair for pair in scopes(tidy) if pair in ran or is_primary(tidy, pair)]
    universes = list(dict.fromkeys(universe for universe, _ in pairs))
    protocols = list(dict.fromkeys(protocol for _, protocol in pairs))
    rows = [(universe, metric) for universe in universes for metric in metrics]
    figure = column_figure(0.8 + 1.2 * len(rows))
    axes = figure.subplots(len(rows), len(protocols), sharex=True, squeeze=False)
    for row, (universe, metric) in enumerate(rows):
        for column, protocol in enumerate(protocols):
            axis = axes[row, column]
            where = {"universe": universe, "protocol": protocol, "metric": metric}
            # One paper, one setting: its points stand only in the universe compared with it.
            points = published if universe == tidy.study.primary.universe else None
            _panel(axis, _at(ours, where), kind, marks, metric, _at(reference, where), points)
            if metric == metrics[0]:
                mark = "*" if is_primary(tidy, (universe, protocol)) and len(pairs) > 1 else ""
                label = PROTOCOL_LABELS.get(protocol, protocol)
                axis.set_title(f"{universe}, {label}{mark}")
        axes[row, 0].set_ylabel(METRIC_LABELS[metric].replace(" ", "\n"))
    for axis in axes[-1]:
        axis.set_xlabel("clusters")
    figure.align_ylabels(axes[:, 0])
    if len(reference):
        handles = [*handles, Line2D([], [], color="black", ls=":", lw=0.9, label="all images")]
    shown: list[Artist] = list(handles)
    if ours["ci_low"].notna().any():
        shown.append(Patch(color=GREY, alpha=_BAND * 2, lw=0, label="95 % interval"))
    legend(figure, shown)
    return figure


def _panel(
    axis: Axes,
    part: pd.DataFrame,
    kind: str,
    marks: Mapping[str, Mark],
    metric: str,
    reference: pd.DataFrame,
    published: pd.DataFrame | None,
) -> None:
    values: list[float] = []
    tried: set[int] = set()
    # Curves that lie on one another are moved aside a little, so that both can be seen.
    shift = {name: _DODGE * (i - (len(marks) - 1) / 2) for i, name in enumerate(marks)}
    for name, mark in marks.items():
        curve = part[part[kind] == name].sort_values("n_clusters")
        if curve.empty:
            continue
        tried |= set(curve["n_clusters"])
        low, high = (curve[bound].clip(0, 1) for bound in ("ci_low", "ci_high"))
        x = curve["n_clusters"] + shift[name]
        axis.fill_between(x, low, high, color=mark.colour, alpha=_BAND, lw=0)
        axis.plot(x, curve["mean"], mark.line, color=mark.colour, marker=mark.marker)
        values += [*curve["mean"], *low, *high]
    if published is not None:
        for name, mark in marks.items():
            given = published[
                (published["algorithm"] == name)
                & (published["metric"] == metric)
                & (published["n_clusters"].isin(tried) | (not tried))
            ].sort_values("n_clusters")
            axis.plot(
                given["n_clusters"] + shift[name],
                given["published"],
                color=mark.colour,
                marker=mark.marker,
                markerfacecolor="white",
                markeredgewidth=0.8,
                ls=mark.line,
                lw=0.5,
                alpha=0.9,
            )
            values += list(given["published"])
    for level in reference["mean"]:
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


def _at(frame: pd.DataFrame, where: Mapping[str, str]) -> pd.DataFrame:
    keep = pd.Series(True, index=frame.index)
    for name, value in where.items():
        keep &= frame[name] == value
    return frame[keep]
