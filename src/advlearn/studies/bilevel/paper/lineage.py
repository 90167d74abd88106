"""Rows of study 3's tidy tables behind the numbers of its tables."""

from __future__ import annotations

from collections.abc import Sequence

from advlearn.report.lineage import (
    LINE_OF_TABLE,
    OVER_SEEDS,
    Find,
    Line,
    Lineage,
    Part,
    same,
    where,
)
from advlearn.studies.bilevel.paper.common import named
from advlearn.studies.bilevel.paper.schema import BilevelTidy
from advlearn.studies.bilevel.paper.tables import attacks, blackbox, onepoint


def _measured(table: str, keys: Sequence[str]) -> Find:
    """Rows that share the line's keys and have a value of the line's metric."""

    def parts(tidy: BilevelTidy, line: Line, column: str) -> list[Part]:
        frame = tidy[table]
        rows = frame.loc[where(named(frame, keys), line, keys).index]
        metric = line["metric"]
        if table == "bilevel_attacks" and metric != "reached" and column not in _COUNTS:
            # Means are over the seeds in which the attack reached its target.
            rows = rows[rows["reached"].fillna(1.0) > 0]
        if metric in rows.columns and metric != "reached":
            rows = rows[rows[metric].notna()]
        return [Part(table, "values", rows)]

    return parts


_COUNTS = ("reached", "seeds")
_INTERVAL = ["dataset", "weights", "n", "d", "n_clusters"]


def _intervals(tidy: BilevelTidy, line: Line, column: str) -> list[Part]:
    frame = where(tidy["bilevel_intervals"], line, _INTERVAL)
    parts = [Part("bilevel_intervals", "values", where(frame, line, ["bound"]))]
    if column == "ratio":
        parts.append(
            Part("bilevel_intervals", "the true interval", where(frame, {"bound": "true"}))
        )
    return parts


def _agreement(tidy: BilevelTidy, line: Line, column: str) -> list[Part]:
    keys = ["n_clusters"] if line["part"] == "n_clusters" else ["kind", "scenario", "balance"]
    rows = where(tidy["bilevel_agreement"], line, [*keys, "deviation"])
    return [Part("bilevel_agreement", "values", rows[rows["kendall_tau"].notna()])]


LINEAGE: dict[str, Lineage] = {
    "bilevel_delta_formulas": Lineage(
        ["formula", "n_clusters", "range"],
        LINE_OF_TABLE,
        same("bilevel_formulas", ["formula", "n_clusters", "range"]),
    ),
    "bilevel_gamma_interval": Lineage(
        [*_INTERVAL, "bound"],
        f"{LINE_OF_TABLE}; certifies: low < high; ratio: low by the true low",
        _intervals,
    ),
    "bilevel_attacks": Lineage(
        [*attacks.KEYS, "metric"],
        f"{OVER_SEEDS}; over the seeds in which the target was reached",
        _measured("bilevel_attacks", attacks.KEYS),
    ),
    "bilevel_blackbox": Lineage(
        [*blackbox.KEYS, "metric"],
        OVER_SEEDS,
        _measured("bilevel_blackbox", blackbox.KEYS),
    ),
    "bilevel_onepoint": Lineage(
        [*onepoint.KEYS, "metric"],
        OVER_SEEDS,
        _measured("bilevel_onepoint", onepoint.KEYS),
        [("pair", "row"), ("victim", "algorithm"), ("metric", "metric")],
    ),
    "bilevel_deviation_agreement": Lineage(
        ["part", "kind", "scenario", "balance", "n_clusters", "deviation"],
        "Kendall's tau, averaged over the scenarios of the line within each seed; mean over seeds,"
        " 95 % Student-t interval",
        _agreement,
    ),
}
"""Table name -> where its numbers come from."""
