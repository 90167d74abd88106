"""Which deviations between partitions count moved points."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd

from advlearn.report.frames import ordered, records
from advlearn.report.intervals import BOUNDS, over_seeds
from advlearn.report.numbers import ABSENT, plus_minus
from advlearn.report.table import Source, Table, group_rows
from advlearn.studies.bilevel.paper.labels import CHANGES, DEVIATIONS, REACHES
from advlearn.studies.bilevel.paper.words import SAY
from advlearn.studies.bilevel.schema import BilevelTidy

_REFERENCE = "matching_error"
_PARTS = {"kind": ["kind", "scenario", "balance"], "n_clusters": ["n_clusters"]}
"""Part of the table -> columns that name its lines, besides the deviation."""
_KEYS = ["part", "kind", "scenario", "balance", "n_clusters", "deviation"]
_SAME = 1e-9


def measure(tidy: BilevelTidy) -> pd.DataFrame:
    """Mean Kendall tau over the numbers of clusters, and over the rest for each of these.

    For each seed the taus of the row's scenarios are averaged; intervals are over these means.

    Returns:
        part (``kind`` or ``n_clusters``), kind, scenario, balance, n_clusters (missing where they
        are averaged over), deviation, mean, ci_low, ci_high, prediction_low, prediction_high, n
        (seeds), n_pairs (pairs of changes behind the mean).
    """
    known, parts = _known_formulas(tidy), []
    for part, columns in _PARTS.items():
        keys = [*columns, "deviation"]
        seeds = known.groupby([*keys, "seed"], sort=True)["kendall_tau"].mean().reset_index()
        pairs = known.groupby(keys, sort=True)["n_pairs"].sum().reset_index()
        means = over_seeds(seeds, keys, "kendall_tau")
        parts.append(means.merge(pairs, on=keys).assign(part=part))
    result = ordered(
        pd.concat(parts, ignore_index=True),
        _KEYS,
        part=list(_PARTS),
        kind=list(CHANGES),
        scenario=list(REACHES),
        deviation=list(DEVIATIONS),
    ).astype({"n_clusters": "Int64"})
    return result[[*_KEYS, *(name for name in result.columns if name not in _KEYS)]]


def build(tidy: BilevelTidy) -> Table:
    """One group a kind of change and one of the numbers of clusters; one column a deviation.

    Deviations with the same tau everywhere, because each is a growing function of the other where
    n does not change, share a column.
    """
    frame, known = measure(tidy), _known_formulas(tidy)
    columns = _columns(tidy["bilevel_agreement"])
    row, part = partial(_row, columns), frame["part"]
    kinds, numbers = frame[part == "kind"], frame[part == "n_clusters"]
    count = tidy["bilevel_agreement"]["seed"].nunique()
    return Table(
        title="Agreement of deviations with the number of moved points",
        caption=SAY.agreement_caption(count),
        frame=frame,
        columns=["changes", *(", ".join(map(DEVIATIONS, alike)) for alike in columns), "pairs"],
        groups=[
            *group_rows(kinds, ["kind"], _title, ["scenario", "balance"], row),
            *group_rows(numbers, ["part"], lambda _: "by number of clusters", ["n_clusters"], row),
        ],
        notes=[SAY.light_changes(), SAY.agreement_pairs(), SAY.no_published()],
        wide=True,
        keys=_KEYS,
        how=(
            "Kendall's tau, averaged over the scenarios of the line within each seed; mean over"
            " seeds, 95 % Student-t interval"
        ),
        sources=[
            Source(
                "bilevel_agreement", known.assign(part=part), keys=["part", *columns, "deviation"]
            )
            for part, columns in _PARTS.items()
        ],
    )


def _title(kind: str) -> str:
    return f"{kind}: {CHANGES(kind)}"


def _known_formulas(tidy: BilevelTidy) -> pd.DataFrame:
    """The deviations that are compared with the reference, where there is a tau."""
    frame = tidy["bilevel_agreement"]
    return frame[(frame["deviation"] != _REFERENCE) & frame["kendall_tau"].notna()]


def _columns(frame: pd.DataFrame) -> list[list[str]]:
    """The deviations but the reference, those of the same tau in all scenarios together."""
    keys = ["scenario", "n_clusters", "balance", "kind", "seed"]
    taus = frame.pivot(index=keys, columns="deviation", values="kendall_tau")
    found: list[list[str]] = []
    for name in DEVIATIONS.order(set(frame["deviation"]) - {_REFERENCE}):
        for alike in found:
            if (taus[name] - taus[alike[0]]).abs().max() < _SAME:
                alike.append(name)
                break
        else:
            found.append([name])
    return found


def _row(columns: Sequence[Sequence[str]], cells: pd.DataFrame, *key: Any) -> list[str]:
    taus = {
        str(row["deviation"]): plus_minus(*(row[name] for name in BOUNDS)) for row in records(cells)
    }
    return [
        f"K = {key[0]}" if len(key) == 1 else f"{REACHES(key[0])}, {key[1]}",
        *(taus.get(alike[0], ABSENT) for alike in columns),
        f"{int(cells['n_pairs'].max()):,}",
    ]
