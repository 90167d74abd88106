"""Does it matter which images are clustered together, or only how many are chosen?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from advlearn.report.bounded import shares_over_seeds
from advlearn.report.frames import records
from advlearn.report.intervals import BOUNDS, over_seeds
from advlearn.report.numbers import (
    ABSENT,
    format_number,
    seed_count,
    share_with_interval,
    with_interval,
)
from advlearn.report.table import OVER_SEEDS, Group, Source, Table
from advlearn.studies.selective.paper.cells import (
    CELL,
    DIFFERENCES,
    TRAINING,
    cells,
    selections,
    subset_rows,
    without_clustering,
)
from advlearn.studies.selective.paper.labels import ATTACKS, CLUSTERERS, CONTROLS, REDUCTIONS, RULES
from advlearn.studies.selective.paper.predicted import images_of
from advlearn.studies.selective.paper.published_tables import SAY, with_seeds
from advlearn.studies.selective.paper.universe_protocol import in_blocks, universe_protocols
from advlearn.studies.selective.schema import SelectiveTidy

POOLED = "pooled"
"""Name of the setting of lines that average over all settings within each seed."""
_KEYS = "universe protocol attack reduction clusterer setting rule metric".split()
_OVER_SETTINGS = [name for name in _KEYS if name != "setting"]
_COLUMNS = "clusterer rule settings images accuracy lowest–highest".split()
_ROLES = {
    "subset": "control: random subsets of equal size",
    "all": "control: training on all adversarial images",
    "none": "control: retraining on clean images only",
}


def _pooled(cell: pd.DataFrame) -> pd.DataFrame:
    """Mean over the settings of a clusterer within each seed, as setting `POOLED`.

    One number a seed keeps the seeds independent, which the cells of one seed are not. Selections
    that hold every image are left out: there, selecting is not selecting.
    """
    groups = cell[~cell["whole"]].groupby([*_OVER_SETTINGS, "seed"], sort=True)
    numbers = ["value", "n_selected", "every_min", "every_max", *DIFFERENCES]
    result = groups[numbers].mean().assign(n_settings=groups["setting"].nunique())
    return result.reset_index().assign(setting=POOLED, whole=False)


def compare(tidy: SelectiveTidy) -> pd.DataFrame:
    """All selections with their paired differences to the three controls.

    Returns:
        One row a universe, protocol, attack, reduction, clusterer, setting (or `POOLED`), rule
        and metric: mean, ci_low, ci_high, n; for each control difference_*, its bounds and its
        number of pairs; n_selected, every_min and every_max as means over seeds.
    """
    cell = cells(selections(tidy))
    frame = pd.concat([cell.assign(n_settings=1), _pooled(cell)], ignore_index=True)
    result = shares_over_seeds(frame, _KEYS, images_of(tidy))
    result[BOUNDS[1:]] = result[BOUNDS[1:]].where(result["n"] > 1)
    for name in DIFFERENCES:
        own = {"mean": name, "ci_low": f"{name}_low", "ci_high": f"{name}_high", "n": f"{name}_n"}
        paired = over_seeds(frame, _KEYS, name).rename(columns=own)[[*_KEYS, *own.values()]]
        result = result.merge(paired, on=_KEYS, how="left").astype({f"{name}_n": "Int64"})
    sizes = ["n_selected", "n_settings", "every_min", "every_max"]
    means = frame.groupby(_KEYS, sort=True)[sizes].mean().reset_index()
    result = result.merge(means, on=_KEYS, how="left")
    result["_pooled"] = result["setting"] == POOLED
    order = ["attack", "reduction", "clusterer", "_pooled", "setting", "rule", "metric"]
    return in_blocks(tidy, result, order, rule=list(RULES)).drop(columns="_pooled")


def _sources(tidy: SelectiveTidy) -> list[Source]:
    """The selections of each line, and for its differences the controls on the same seeds."""
    selected = selections(tidy)
    # A pooled line is made of the selections of all settings; each has its control in its own.
    pooled = selected[~selected["whole"]].assign(line=POOLED)
    made_of = pd.concat([selected.assign(line=selected["setting"]), pooled])
    subsets = subset_rows(tidy)[[*CELL, "digest", "row"]]
    single = without_clustering(tidy)
    controls = {"subset": made_of.drop(columns="row").merge(subsets, on=[*CELL, "digest"])}
    for rule in ("all", "none"):
        found = single[single["rule"] == rule].reset_index(names="row")[[*TRAINING, "row"]]
        seeds = made_of[[*TRAINING, "reduction", "clusterer", "rule", "line"]].drop_duplicates()
        controls[rule] = seeds.merge(found, on=TRAINING)
    sources = [Source("selective_metrics", made_of.assign(setting=made_of["line"]), row="row")]
    for name, frame in controls.items():
        of_its_columns = partial(_begins, f"difference_{name}")
        rows = frame.assign(setting=frame["line"])
        sources.append(
            Source("selective_metrics", rows, role=_ROLES[name], columns=of_its_columns, row="row")
        )
    return sources


def _begins(start: str, column: str) -> bool:
    return column.startswith(start)


def build(tidy: SelectiveTidy) -> Table:
    """Adversarial accuracy of every rule beside its controls, pooled over settings."""
    frame = compare(tidy)
    short = frame[(frame["metric"] == "adversarial_accuracy") & (frame["setting"] == POOLED)]
    if short.empty:
        # Every selection holds all images: show the settings themselves.
        short = frame[frame["metric"] == "adversarial_accuracy"]
    if (short["reduction"] == "pca").any():
        # The reduction of the paper's tables; the others are in the CSV file.
        short = short[short["reduction"] == "pca"]
    groups = []
    for pair in universe_protocols(tidy):
        for (attack, reduction), part in pair.of(short).groupby(["attack", "reduction"], sort=True):
            title = f"{pair.label}, {ATTACKS(attack)}, {REDUCTIONS(reduction)}"
            title = with_seeds(title, part, short)
            groups.append(Group(title, [_cells_of(line) for line in records(part)]))
    seeds = seed_count(short["n"])
    return Table(
        title="Controls: which images, or only how many?",
        caption=SAY.controls(seeds),
        frame=frame,
        columns=[*_COLUMNS, *(f"minus {control}" for control in CONTROLS)],
        groups=groups,
        notes=[*([SAY.how_to_compare(seeds)] if seeds.most == 1 else []), SAY.controls_note()],
        keys=[*_OVER_SETTINGS, "setting"],
        how=f"{OVER_SEEDS}; difference_*: value minus that of the control on the same seed",
        sources=_sources(tidy),
    )


def _cells_of(line: Mapping[str, Any]) -> list[str]:
    lowest, highest = line["every_min"], line["every_max"]
    return [
        CLUSTERERS(line["clusterer"]),
        RULES(line["rule"]),
        format_number(line["n_settings"], 0),
        format_number(line["n_selected"], 0),
        share_with_interval(line["mean"], line["ci_low"], line["ci_high"]),
        ABSENT if pd.isna(lowest) else f"{format_number(lowest)}–{format_number(highest)}",
        *(
            with_interval(line[name], line[f"{name}_low"], line[f"{name}_high"], sign=True)
            for name in DIFFERENCES
        ),
    ]
