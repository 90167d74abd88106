"""Does it matter which images are clustered together, or only how many are chosen?"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import pandas as pd

from advlearn.report.intervals import over_seeds
from advlearn.report.numbers import number, with_interval
from advlearn.report.table import Group, Table
from advlearn.studies.selective.paper.common import (
    CLUSTERER_LABELS,
    POOLED,
    REDUCTION_LABELS,
    RULE_LABELS,
    RULES,
    attack_label,
    cells,
    common_notes,
    is_primary,
    scope_label,
    scopes,
)
from advlearn.studies.selective.paper.schema import SelectiveTidy

CONTROLS = ("subset", "all", "none")
_KEYS = "universe protocol attack reduction clusterer setting rule metric".split()


def pooled(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean over the settings of a clusterer within each seed, as setting `POOLED`.

    One number a seed keeps the seeds independent, which the cells of one seed are not. Selections
    that hold every image are left out: there, selecting is not selecting.
    """
    partial = frame[~frame["whole"]]
    keys = [name for name in [*_KEYS, "seed"] if name != "setting"]
    numbers = ["value", "n_selected", "every_min", "every_max"]
    numbers += [f"difference_{control}" for control in CONTROLS]
    grouped = partial.groupby(keys, sort=True)
    result = grouped[numbers].mean()
    result["n_settings"] = grouped["setting"].nunique()
    return result.reset_index().assign(setting=POOLED, whole=False)


def compare(tidy: SelectiveTidy) -> pd.DataFrame:
    """All selections with their paired differences to the three controls.

    Returns:
        One row a universe, protocol, attack, reduction, clusterer, setting (or `POOLED`), rule
        and metric: mean, ci_low, ci_high, n; for each control difference_*, its bounds and its
        number of pairs; n_selected, every_min and every_max as means over seeds.
    """
    single = cells(tidy)
    frame = pd.concat([single.assign(n_settings=1), pooled(single)], ignore_index=True)
    result = over_seeds(frame, _KEYS)[[*_KEYS, "mean", "ci_low", "ci_high", "n"]]
    for control in CONTROLS:
        name = f"difference_{control}"
        columns = {
            "mean": name,
            "ci_low": f"{name}_low",
            "ci_high": f"{name}_high",
            "n": f"{name}_n",
        }
        paired = over_seeds(frame, _KEYS, name).rename(columns=columns)
        result = result.merge(paired[[*_KEYS, *columns.values()]], on=_KEYS, how="left")
        result[f"{name}_n"] = result[f"{name}_n"].astype("Int64")
    sizes = (
        frame.groupby(_KEYS, sort=True)[["n_selected", "n_settings", "every_min", "every_max"]]
        .mean()
        .reset_index()
    )
    result = result.merge(sizes, on=_KEYS, how="left")
    pairs = scopes(tidy)
    result["_scope"] = [
        pairs.index(pair) for pair in zip(result["universe"], result["protocol"], strict=True)
    ]
    result["_rule"] = result["rule"].map(RULES.index)
    result["_pooled"] = result["setting"] == POOLED
    order = ["_scope", "attack", "reduction", "clusterer", "_pooled", "setting", "_rule", "metric"]
    result = result.sort_values(order, ignore_index=True)
    result.insert(
        2,
        "primary",
        [
            "yes" if is_primary(tidy, pair) else "no"
            for pair in zip(result["universe"], result["protocol"], strict=True)
        ],
    )
    return result.drop(columns=["_scope", "_rule", "_pooled"])


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
    for pair in scopes(tidy):
        part = short[(short["universe"] == pair[0]) & (short["protocol"] == pair[1])]
        for (attack, reduction), block in part.groupby(["attack", "reduction"], sort=True):
            title = (
                f"{scope_label(pair)}, {attack_label(str(attack))},"
                f" {REDUCTION_LABELS.get(str(reduction), str(reduction))}"
            )
            groups.append(Group(title, [_row(row) for row in block.to_dict(orient="records")]))
    seeds = len(tidy.study.seeds)
    return Table(
        title="Controls: which images, or only how many?",
        caption=(
            "Adversarial accuracy on the test images, mean over the settings of each clusterer and"
            f" over {seeds} seed{'s' if seeds > 1 else ''}, and its paired differences on the same"
            " seeds to an equally large random subset, to adversarial training on all images and"
            " to retraining on clean images only"
            + (" [95 % Student-t interval]." if seeds > 1 else ".")
            + " Lowest and highest: over the single clusters, where the run tried them all."
        ),
        frame=frame,
        columns=[
            "clusterer",
            "rule",
            "settings",
            "images",
            "accuracy",
            "lowest–highest",
            "minus subset",
            "minus all",
            "minus none",
        ],
        groups=groups,
        notes=[
            *(common_notes(tidy)[-1:] if seeds == 1 else []),
            "The CSV file has every setting, reduction and metric by itself. Selections that hold"
            " all images are left out of the means. Out of twenty intervals without any effect one"
            " excludes zero on average.",
        ],
    )


def _row(row: dict[Hashable, Any]) -> list[str]:
    def value(name: str) -> float:
        return float(row[name])

    cells_of_controls = [
        with_interval(
            value(f"difference_{control}"),
            value(f"difference_{control}_low"),
            value(f"difference_{control}_high"),
            sign=True,
        )
        for control in CONTROLS
    ]
    spread = f"{number(value('every_min'))}–{number(value('every_max'))}"
    return [
        CLUSTERER_LABELS.get(str(row["clusterer"]), str(row["clusterer"])),
        RULE_LABELS.get(str(row["rule"]), str(row["rule"])),
        number(value("n_settings"), 0),
        number(value("n_selected"), 0),
        with_interval(value("mean"), value("ci_low"), value("ci_high")),
        "–" if pd.isna(row["every_min"]) else spread,
        *cells_of_controls,
    ]
