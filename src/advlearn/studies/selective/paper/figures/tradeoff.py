"""Clean against adversarial accuracy of all selections."""

from __future__ import annotations

from math import isnan

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from advlearn.report.intervals import over_seeds
from advlearn.report.labels import GREY
from advlearn.report.panels import column_figure, legend, limits
from advlearn.report.style import CLUSTERERS, RULE_MARKERS
from advlearn.studies.selective.paper.common import (
    PROTOCOL_LABELS,
    RULE_LABELS,
    attack_label,
    baselines,
    cells,
    scopes,
)
from advlearn.studies.selective.paper.schema import SelectiveTidy

_BASELINES = {
    "classic": ("*", "classic"),
    "none": ("p", "clean images only"),
    "all": ("D", "adversarial training"),
}
_METRICS = ("clean_accuracy", "adversarial_accuracy")
_PUBLISHED = {"fgsm": "selective_table1_fgsm", "pgd": "selective_table2_pgd"}


def draw(tidy: SelectiveTidy) -> Figure:
    """One row a universe and protocol, one column an attack."""
    rows = scopes(tidy)
    frame = cells(tidy)
    attacks = sorted(set(frame["attack"]))
    keys = ["universe", "protocol", "attack", "reduction", "clusterer", "setting", "rule"]
    means = frame.groupby([*keys, "metric"], sort=True)["value"].mean().unstack("metric")
    means = means.reset_index()
    single = over_seeds(baselines(tidy), ["universe", "protocol", "attack", "rule", "metric"])
    figure = column_figure(1.5 + 1.6 * len(rows))
    axes = figure.subplots(len(rows), len(attacks), squeeze=False)
    for row, (universe, protocol) in enumerate(rows):
        for column, attack in enumerate(attacks):
            axis = axes[row, column]
            here, base = (
                table[
                    (table["universe"] == universe)
                    & (table["protocol"] == protocol)
                    & (table["attack"] == attack)
                ]
                for table in (means, single)
            )
            if here.empty and base.empty:
                axis.set_visible(False)
                continue
            published = pd.DataFrame()
            if attack in _PUBLISHED and universe == tidy.study.primary.universe:
                published = _published(tidy, attack)
            _panel(axis, here, base, published)
            label = PROTOCOL_LABELS.get(protocol, protocol)
            axis.set_title(f"{universe}, {attack_label(attack)},\n{label}")
            if column == 0:
                axis.set_ylabel("adversarial accuracy")
    for column in axes.T:
        # The lowest panel that has something to show.
        [axis for axis in column if axis.get_visible()][-1].set_xlabel("clean accuracy")
    clusterers = [name for name in CLUSTERERS if name in set(means["clusterer"])]
    rules = [name for name in RULE_MARKERS if name in set(means["rule"])]
    handles: list[Artist] = [
        *(_key(CLUSTERERS[name].label, "o", color=CLUSTERERS[name].colour) for name in clusterers),
        *(_key(RULE_LABELS[name], RULE_MARKERS[name], color=GREY, hollow=True) for name in rules),
        *(
            _key(label, marker, color="black", size=5)
            for rule, (marker, label) in _BASELINES.items()
            if (single["rule"] == rule).any()
        ),
        _key("published", "o", color=GREY, hollow=True, size=4.5),
    ]
    legend(figure, handles, 2)
    return figure


def _key(label: str, marker: str, *, color: str, hollow: bool = False, size: float = 3.5) -> Line2D:
    face = "white" if hollow else color
    return Line2D(
        [], [], ls="none", marker=marker, color=color, markerfacecolor=face, markeredgewidth=0.7,
        markersize=size, label=label,
    )  # fmt: skip


def _panel(axis: Axes, means: pd.DataFrame, base: pd.DataFrame, published: pd.DataFrame) -> None:
    values: dict[str, list[float]] = {metric: [] for metric in _METRICS}
    if len(published):
        axis.plot(
            published["clean_accuracy"],
            published["adversarial_accuracy"],
            "o",
            color=GREY,
            markerfacecolor="none",
            markeredgewidth=0.6,
            markersize=4,
            zorder=1,
        )
        for metric in _METRICS:
            values[metric] += list(published[metric])
    for key, part in means.groupby(["clusterer", "rule"], sort=True):
        clusterer, rule = (str(value) for value in key)
        mark = CLUSTERERS.get(clusterer)
        axis.plot(
            part["clean_accuracy"],
            part["adversarial_accuracy"],
            RULE_MARKERS.get(rule, "o"),
            color=mark.colour if mark else "black",
            markersize=3.2,
            alpha=0.75,
            markeredgewidth=0,
            zorder=2,
        )
        for metric in _METRICS:
            values[metric] += list(part[metric])
    for rule, (marker, _) in _BASELINES.items():
        found = {str(row["metric"]): row for row in base[base["rule"] == rule].to_dict("records")}
        if not set(_METRICS) <= set(found):
            continue
        x, y = (
            tuple(float(found[metric][name]) for name in ("mean", "ci_low", "ci_high"))
            for metric in _METRICS
        )
        axis.errorbar(
            x[0],
            y[0],
            xerr=_arms(*x),
            yerr=_arms(*y),
            fmt=marker,
            color="black",
            markersize=5.5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            elinewidth=0.7,
            zorder=3,
        )
        values["clean_accuracy"] += x
        values["adversarial_accuracy"] += y
    axis.set_xlim(*limits(values["clean_accuracy"]))
    axis.set_ylim(*limits(values["adversarial_accuracy"]))
    axis.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
    axis.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axis.ticklabel_format(useOffset=False)


def _arms(mean: float, low: float, high: float) -> list[list[float]] | None:
    return None if isnan(low) else [[mean - low], [high - mean]]


def _published(tidy: SelectiveTidy, attack: str) -> pd.DataFrame:
    frame = tidy.published(_PUBLISHED[attack])
    wide = frame.pivot(index=["algorithm", "row"], columns="metric", values="published")
    return wide.reset_index()
