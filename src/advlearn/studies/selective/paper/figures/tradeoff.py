"""Clean against adversarial accuracy of all selections after PCA, as in Tables 1 to 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from advlearn.report.labels import BLACK, GREY
from advlearn.report.panels import (
    QUIET,
    flow,
    hollow_entry,
    hollow_marks,
    legend,
    legend_entries,
    limits,
    lowest,
    seed_dots,
)
from advlearn.report.placing import Name, name_points
from advlearn.report.style import SMALL
from advlearn.studies.selective.paper.cells import baseline_rows, baselines, cells, selections
from advlearn.studies.selective.paper.labels import ATTACKS, BASELINES, CLUSTERERS
from advlearn.studies.selective.paper.plausible import ShownSet, plausible_set, sets_shown
from advlearn.studies.selective.schema import SelectiveTidy

_CLEAN, _ADVERSARIAL = "clean_accuracy", "adversarial_accuracy"
_BOTH = [_CLEAN, _ADVERSARIAL]
_PUBLISHED = {"fgsm": "selective_table1_fgsm", "pgd": "selective_table2_pgd"}
_ALGORITHM_OF = {"classic": "classic", "all": "adversarial_training"}
_NAMES = {"classic": "classic", "none": "clean only", "all": "all images"}
_RANDOM: dict[str, Any] = {"ms": 3.5, "alpha": 0.85, "markeredgewidth": 0.0}
_OTHER_RULE: dict[str, Any] = {"ms": 2.2, "alpha": 0.45, "markeredgewidth": 0.0}
"""Marks of selections by the rule random, and by others."""
_CELL = ["clusterer", "rule", "reduction", "setting"]


class _Panel(NamedTuple):
    """What one panel shows.

    Attributes:
        means: one row a selection, mean over seeds: clusterer, rule and both accuracies.
        seeds: one row a training without clusters and seed: rule and both accuracies.
        published: the same of the paper, one row a selection: algorithm and both accuracies.
        levels: published accuracies of training without clusters, by rule.
    """

    means: pd.DataFrame
    seeds: pd.DataFrame
    published: pd.DataFrame
    levels: pd.DataFrame


def draw(tidy: SelectiveTidy) -> Figure:
    """A panel an attack: of the plausible set, then of each universe in no set."""
    cell, base = cells(selections(tidy)), baselines(baseline_rows(tidy))
    # Other reductions may have run in other universes, and with fewer seeds.
    if (cell["reduction"] == "pca").any():
        cell = cell[cell["reduction"] == "pca"]
    attacks = ATTACKS.order([*cell["attack"], *base["attack"]])
    beside = all(tidy.study.belongs_beside(p.universe) for p in plausible_set(tidy).weights)
    shown = []
    for place, universes in enumerate(sets_shown(tidy)):
        for attack in attacks:
            compared = beside and place == 0
            panel = _panel_of(tidy, universes, cell, base, attack, published=compared)
            if len(panel.means) or len(panel.seeds):
                name, _, protocol = universes.label.partition(", ")
                where = f"{protocol}, " if protocol else ""
                shown.append((f"{name},\n{where}{ATTACKS.short(attack)}", panel))
    figure, cells_of_figure = flow(len(shown), len(attacks), height=2.0, head=0.75)
    panels = list(cells_of_figure.flat)[: len(shown)]
    for axis, (title, panel) in zip(panels, shown, strict=True):
        _draw_panel(axis, panel)
        axis.set_title(title, fontsize=SMALL)
    for axis in cells_of_figure[:, 0]:
        axis.set_ylabel("adversarial accuracy")
    for axis in lowest(cells_of_figure):
        axis.set_xlabel("clean accuracy")
    looks = CLUSTERERS.looks(cell["clusterer"])
    handles = legend_entries(looks.values(), line=False, markeredgewidth=0)
    if (cell["rule"] != "random").any():
        handles.append(Line2D([], [], color=GREY, marker="o", ls="none", **_OTHER_RULE))
        handles[-1].set_label("other rule")
    if any(len(panel.published) for _, panel in shown):
        handles.append(hollow_entry("published"))
    legend(figure, handles)
    for axis, (_, panel) in zip(panels, shown, strict=True):
        _name_baselines(axis, panel)
    return figure


def _panel_of(
    tidy: SelectiveTidy,
    universes: ShownSet,
    cell: pd.DataFrame,
    base: pd.DataFrame,
    attack: str,
    *,
    published: bool,
) -> _Panel:
    cell, base = (frame[frame["attack"] == attack] for frame in (cell, base))
    means = universes.mean(cell, [*_CELL, "metric"]).groupby([*_CELL, "metric"])["value"].mean()
    seeds = universes.mean(base, ["rule", "metric"]).set_index(["rule", "seed", "metric"])["value"]
    points = pd.DataFrame(columns=["algorithm", *_BOTH])
    levels = pd.DataFrame(columns=_BOTH)
    if published and attack in _PUBLISHED:
        frame = tidy.published(_PUBLISHED[attack])
        points = frame.pivot(index=["algorithm", "row"], columns="metric", values="published")
        points = points.reset_index()
        frame = tidy.published("selective_baselines")
        frame = frame[frame["attack"].isna() | (frame["attack"] == attack)]
        levels = frame.pivot(index="algorithm", columns="metric", values="published")
    return _Panel(_wide(means), _wide(seeds), points, levels)


def _wide(values: pd.Series) -> pd.DataFrame:
    frame = values.unstack("metric").reindex(columns=_BOTH)
    return frame.dropna().reset_index()


def _draw_panel(axis: Axes, panel: _Panel) -> None:
    for name, look in CLUSTERERS.looks(panel.means["clusterer"]).items():
        part = panel.means[panel.means["clusterer"] == name]
        for random, style in ((False, _OTHER_RULE), (True, _RANDOM)):
            shown = part[(part["rule"] == "random") == random]
            axis.plot(
                shown[_CLEAN],
                shown[_ADVERSARIAL],
                look.marker,
                color=look.colour,
                **style,
                zorder=2,
                label=f"{'random' if random else 'other'} {name}",
            )
    for algorithm, part in panel.published.groupby("algorithm"):
        name = str(algorithm)
        look = CLUSTERERS.look(name)
        hollow_marks(axis, part[_CLEAN], part[_ADVERSARIAL], look, f"published {name}")
    # The classic star is the smallest and lies on top, so that no other mark hides it.
    for place, (rule, look) in enumerate(reversed(BASELINES.looks().items())):
        part = panel.seeds[panel.seeds["rule"] == rule]
        line = _ALGORITHM_OF.get(rule)
        if line in panel.levels.index:
            given = panel.levels.loc[line]
            hollow_marks(axis, [given[_CLEAN]], [given[_ADVERSARIAL]], look, f"published {rule}")
        if len(part):
            mean = part[_BOTH].mean()
            # A spoke to each seed says to which mean it belongs.
            for seed in part[_BOTH].to_numpy(float):
                axis.plot(*zip(mean, seed, strict=True), color=QUIET, lw=0.35, zorder=1.6)
            seed_dots(axis, part[_CLEAN], part[_ADVERSARIAL], BLACK)
            axis.plot(
                mean[_CLEAN],
                mean[_ADVERSARIAL],
                look.marker,
                color=BLACK,
                ms=6 - 0.4 * place,
                markeredgecolor="white",
                markeredgewidth=0.5,
                zorder=4 + place,
                label=f"mean {rule}",
            )
    marks = _marks(panel)
    axis.set_xlim(*limits(marks[:, 0]))
    axis.set_ylim(*limits(marks[:, 1]))
    axis.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
    axis.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    axis.ticklabel_format(useOffset=False)


def _marks(panel: _Panel) -> np.ndarray:
    """(n, 2) all points of a panel."""
    parts: Sequence[pd.DataFrame] = [panel.means, panel.seeds, panel.published, panel.levels]
    return np.concatenate([part[_BOTH].to_numpy(float) for part in parts])


def _name_baselines(axis: Axes, panel: _Panel) -> None:
    means = panel.seeds.groupby("rule")[_BOTH].mean()
    names = [Name(_NAMES[rule], *means.loc[rule, _BOTH]) for rule in _NAMES if rule in means.index]
    occupied = np.concatenate([_marks(panel), means[_BOTH].to_numpy(float)])
    name_points(axis, names, occupied, fontsize=SMALL, color=BLACK)
