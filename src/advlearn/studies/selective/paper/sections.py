"""Study 1's own sections of the report: the search and sanity checks."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import records
from advlearn.report.numbers import format_exactly, format_number
from advlearn.report.page import Rows
from advlearn.studies.selective.paper.search import agreement, compared, sensitivity
from advlearn.studies.selective.schema import SelectiveTidy

_MOST_FAILURES = 50
_CHECK = ["universe", "attack", "model", "check"]
_CHOSEN = {"likelihood": "for their likelihood", "random": "at random"}


def nearest(tidy: SelectiveTidy) -> float | None:
    """The smallest of the largest differences to the published baselines; None without any."""
    smallest = compared(tidy)["largest_difference"].min()
    return None if pd.isna(smallest) else float(smallest)


def discrepancies(tidy: SelectiveTidy) -> Rows:
    """How many universes hold most of the weight, under each discrepancy."""
    header = ["discrepancy", "universes that hold 90 %", "effective number", "largest weight"]
    rows = [
        [
            f"{row['discrepancy']:g}",
            str(row["holders"]),
            format_number(row["effective"], 1),
            format_number(row["heaviest"], 2),
        ]
        for row in records(sensitivity(tidy))
    ]
    return header, rows


def stages(tidy: SelectiveTidy) -> Rows:
    """What the second stage of the search says of the universes that the first one chose."""
    header = [
        "chosen",
        "universes",
        "measured to the end",
        "weight",
        "rank correlation of the stages",
    ]
    rows = [
        [
            _CHOSEN[row["chosen_by"]],
            str(row["universes"]),
            str(row["measured"]),
            format_number(row["weight"], 3),
            format_number(row["rank_correlation"], 2),
        ]
        for row in records(agreement(tidy))
    ]
    return header, rows


def sanity(tidy: SelectiveTidy) -> tuple[Rows, Rows]:
    """Counts of the passed checks, and the checks that failed (at most 50)."""
    frame = tidy["selective_sanity"]
    counts = frame.groupby(_CHECK, sort=True)["passed"].agg(["sum", "count"]).reset_index()
    rows = [
        [*(str(row[key]) for key in _CHECK), f"{row['sum']:.0f} of {row['count']}"]
        for row in records(counts)
    ]
    about = ["universe", "seed", *_CHECK[1:]]
    failures = [
        [*(str(row[key]) for key in about), _value(row["expected"]), _value(row["value"])]
        for row in records(frame[frame["passed"] != 1].head(_MOST_FAILURES))
    ]
    return ([*_CHECK, "passed"], rows), ([*about, "expected", "value"], failures)


def _value(value: object) -> str:
    return format_exactly(value) if isinstance(value, int | float) else str(value)
