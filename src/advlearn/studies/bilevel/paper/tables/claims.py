"""Every claim of the paper's summary with its verdict: one row a claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from advlearn.report.frames import records
from advlearn.report.numbers import ABSENT, format_number, format_p, with_interval
from advlearn.report.page import Rows
from advlearn.report.table import Group, Source, Table
from advlearn.studies.bilevel.paper.claims.claim import FAMILIES
from advlearn.studies.bilevel.paper.claims.verdicts import tested
from advlearn.studies.bilevel.paper.words import SAY
from advlearn.studies.bilevel.schema import BilevelTidy

_HEADER = [
    *("claim", "effect", "smallest", "Holm", "BH", "excluded", "detectable", "units", "bounds"),
    *("against", "verdict"),
]
_TABLES = (
    "bilevel_attacks bilevel_sandwich bilevel_staircase bilevel_agreement bilevel_blackbox"
    " bilevel_poisoning bilevel_monotone bilevel_moved"
).split()
"""Tidy tables behind the claims, numbers before what scales them."""


def build(tidy: BilevelTidy) -> Table:
    """All claims, the primary family first."""
    found = tested(tidy)
    frame = found.frame
    return Table(
        title="The claims of the paper",
        caption=SAY.claims_caption(),
        frame=frame,
        columns=_HEADER,
        groups=[
            Group(title, [_readable(line) for line in records(frame[frame["family"] == family])])
            for family, title in FAMILIES.items()
            if (frame["family"] == family).any()
        ],
        notes=[SAY.no_published(), SAY.claims_seen(), SAY.attackers()],
        wide=True,
        keys=["claim"],
        how=(
            "mean over units and seeds of the gain, of sizes the geometric mean of the ratio;"
            " ci_low, ci_high: 95 % interval for further units and seeds; p: two-sided, of no"
            " effect; p_no_gain, p_no_loss: one-sided, at the smallest effect of interest;"
            " p_margin: of what would refute or, for a range, confirm the claim; *_holm, *_bh:"
            " corrected; equivalence_low, equivalence_high: 90 % interval; counted claims: n cases,"
            " against: cases in which it is not so"
        ),
        sources=[
            Source(
                name,
                found.rows[found.rows["table"] == name],
                "values" if name != "bilevel_staircase" else "largest radius tried",
                keys=["claim"],
                row="row",
            )
            for name in _TABLES
            if (found.rows["table"] == name).any()
        ],
    )


def primary_rows(tidy: BilevelTidy) -> Rows:
    """Header and readable rows of the primary family."""
    frame = tested(tidy).frame
    return _HEADER, [_readable(line) for line in records(frame[frame["family"] == "primary"])]


def _readable(line: Mapping[str, Any]) -> list[str]:
    plain = line["kind"] in ("ratio", "cases") or line["within_low"] > 0
    margin = line["p_margin_holm" if line["family"] == "primary" else "p_margin_bh"]
    return [
        line["words"],
        with_interval(line["mean"], line["ci_low"], line["ci_high"], sign=not plain),
        format_number(line["smallest"], 2) or ABSENT,
        *(_p(line[name]) for name in ("p_holm", "p_bh")),
        _p(margin),
        format_number(line["detectable"]) or ABSENT,
        _units(line),
        _count(line["bounded"]),
        ABSENT if pd.isna(line["against"]) else f"{line['against']:,} of {line['n']:,}",
        line["verdict"],
    ]


def _units(line: Mapping[str, Any]) -> str:
    return ABSENT if pd.isna(line["units"]) else f"{line['units']} × {line['seeds']}"


def _count(value: Any) -> str:
    return ABSENT if pd.isna(value) else f"{value:,}"


def _p(value: float) -> str:
    return ABSENT if pd.isna(value) else format_p(value)
