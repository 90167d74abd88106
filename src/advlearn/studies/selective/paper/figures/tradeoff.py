"""Clean against adversarial accuracy of all selections."""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from advlearn.report.frames import groups
from advlearn.report.intervals import over_seeds
from advlearn.report.labels import GREY, LONGEST, Look
from advlearn.report.panels import grid, legend, legend_entries, limits
from advlearn.studies.selective.paper.cells import baseline_rows, baselines, cells, selections
from advlearn.studies.selective.paper.labels import ATTACKS, BASELINES, CLUSTERERS, PROTOCOLS, RULES
from advlearn.studies.selective.paper.universe_protocol import primary_pair, universe_protocols
from advlearn.studies.selective.schema import SelectiveTidy
from advlearn.support.text import shown

_CLEAN, _ADVERSARIAL = "clean_accuracy", "adversarial_accuracy"
_PUBLISHED = {"fgsm": "selective_table1_fgsm", "pgd": "selective_table2_pgd"}


def draw(tidy: SelectiveTidy) -> Figure:
    """One row a universe and protocol, one column an attack."""
    pairs = universe_protocols(tidy)
    first = primary_pair(tidy).universe
    compared = tidy.study.belongs_beside(first)
    keys = ["universe", "protocol", "attack", "clusterer", "rule", "reduction", "setting"]
    cell = cells(selections(tidy))
    means = cell.groupby([*keys, "metric"], sort=True)["value"].mean().unstack("metric")
    means = means.reset_index()
    base = baselines(baseline_rows(tidy))
    base = over_seeds(base, ["universe", "protocol", "attack", "rule", "metric"])
    attacks = sorted(set(means["attack"]))
    figure, panels = grid(len(pairs), len(attacks), height=1.6, head=1.5)
    for row, pair in enumerate(pairs):
        for column, attack in enumerate(attacks):
            axis = panels[row, column]
            here, without = (
                frame[frame["attack"] == attack] for frame in (pair.of(means), pair.of(base))
            )
            if here.empty and without.empty:
                axis.set_visible(False)
                continue
            beside = compared and attack in _PUBLISHED and pair.universe == first
            _panel(axis, here, without, _published(tidy, attack) if beside else None)
            where = f"{shown(pair.universe, LONGEST)}, {ATTACKS.short(attack)}"
            axis.set_title(f"{where},\n{PROTOCOLS(pair.protocol)}")
            if column == 0:
                axis.set_ylabel("adversarial accuracy")
    for axes in panels.T:
        # The lowest panel that has something to show.
        [axis for axis in axes if axis.get_visible()][-1].set_xlabel("clean accuracy")
    empty = {"markerfacecolor": "white"}
    published = [Look(GREY, "o", "none", "published")] if compared else []
    handles: list[Artist] = [
        *_key(CLUSTERERS.looks(means["clusterer"]).values(), marker="o"),
        *_key(RULES.looks(means["rule"]).values(), **empty),
        *_key(BASELINES.looks(set(base["rule"])).values(), markersize=5),
        *_key(published, markersize=4.5, **empty),
    ]
    legend(figure, handles, 2)
    return figure


def _published(tidy: SelectiveTidy, attack: str) -> pd.DataFrame:
    frame = tidy.published(_PUBLISHED[attack])
    return frame.pivot(index=["algorithm", "row"], columns="metric", values="published")


def _key(looks: Iterable[Look], **style: Any) -> list[Line2D]:
    return legend_entries(looks, line=False, **{"markeredgewidth": 0.7, "markersize": 3.5, **style})


def _panel(
    axis: Axes, means: pd.DataFrame, base: pd.DataFrame, published: pd.DataFrame | None
) -> None:
    drawn = [means] if published is None else [published, means]
    x, y = ([value for part in drawn for value in part[name]] for name in (_CLEAN, _ADVERSARIAL))
    if published is not None:
        ring: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 0.6, "markersize": 4}
        axis.plot(published[_CLEAN], published[_ADVERSARIAL], "o", color=GREY, zorder=1, **ring)
    for (clusterer, rule), part in groups(means, ["clusterer", "rule"]):
        colour, marker = CLUSTERERS.look(clusterer).colour, RULES.look(rule).marker
        dot: dict[str, Any] = {"markersize": 3.2, "alpha": 0.75, "markeredgewidth": 0}
        axis.plot(part[_CLEAN], part[_ADVERSARIAL], marker, color=colour, zorder=2, **dot)
    for rule, look in BASELINES.looks().items():
        found = base[base["rule"] == rule].set_index("metric")[["mean", "ci_low", "ci_high"]]
        if not {_CLEAN, _ADVERSARIAL} <= set(found.index):
            continue
        clean, adversarial = found.loc[_CLEAN], found.loc[_ADVERSARIAL]
        axis.errorbar(
            clean["mean"],
            adversarial["mean"],
            xerr=_error_bars(*clean),
            yerr=_error_bars(*adversarial),
            fmt=look.marker,
            color="black",
            markersize=5.5,
            markeredgecolor="white",
            markeredgewidth=0.4,
            elinewidth=0.7,
            zorder=3,
        )
        x += [*clean]
        y += [*adversarial]
    axis.set_xlim(*limits(x))
    axis.set_ylim(*limits(y))
    axis.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
    axis.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axis.ticklabel_format(useOffset=False)


def _error_bars(mean: float, low: float, high: float) -> list[list[float]] | None:
    return None if isnan(low) else [[mean - low], [high - mean]]
