"""Every claim of the paper with its verdict: one row a claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from advlearn.report.frames import records
from advlearn.report.numbers import (
    ABSENT,
    format_number,
    format_p,
    format_signed,
    seed_count,
    with_interval,
)
from advlearn.report.page import Rows
from advlearn.report.table import Group, Source, Table
from advlearn.studies.selective.paper.claims.catalogue import FAMILIES
from advlearn.studies.selective.paper.claims.verdicts import verdicts
from advlearn.studies.selective.paper.claims.words import where, with_sentences
from advlearn.studies.selective.paper.published_tables import SAY, with_seeds
from advlearn.studies.selective.schema import SelectiveTidy

_HEADER = [
    "claim",
    "says",
    "place",
    "effect",
    "smallest",
    "p",
    "margin",
    "90 %",
    "detectable",
    "worst case",
    "unreliable",
    "verdict",
]
_CHECKS = ("checks", "failed_checks")
_WORST = ("worst_mean", "worst_low", "worst_high", "worst_n")
_HOW = (
    "mean over seeds, after averaging over the set of universes within each seed; ci_low, ci_high:"
    " 95 % Student-t interval over the seeds, missing where they have no spread; p, p_exact:"
    " two-sided paired t test of no effect, and exact test that turns signs; p_margin: one-sided"
    " test at the smallest effect of interest; *_holm, *_bh: corrected; equivalence_low,"
    " equivalence_high: 90 % interval; worst_mean, worst_low, worst_high: the same effect under the"
    " strong attacks"
)


def claim_rows(frame: pd.DataFrame) -> Rows:
    """Header and readable rows of claims."""
    return _HEADER, [_readable(line) for line in records(frame)]


def claim_effect(line: Mapping[str, Any]) -> str:
    """The effect of a claim with its interval."""
    return with_interval(line["mean"], line["ci_low"], line["ci_high"], sign=True)


def primary_rows(tidy: SelectiveTidy) -> Rows:
    """Header and readable rows of the primary family."""
    frame = verdicts(tidy).frame
    return claim_rows(frame[frame["family"] == "primary"])


def build(tidy: SelectiveTidy) -> Table:
    """All claims, the primary family first."""
    found, frame = verdicts(tidy), with_sentences(tidy)
    groups = []
    for family, title in FAMILIES.items():
        mine = frame[frame["family"] == family]
        if family != "standard":
            groups.append(Group(with_seeds(title, mine, frame), claim_rows(mine)[1]))
            continue
        for name, part in mine.groupby("set", sort=False):
            heading = with_seeds(f"{title}: {where(tidy, str(name))}", part, frame)
            groups.append(Group(heading, claim_rows(part)[1]))
    return Table(
        title="The claims of the paper",
        caption=SAY.claims(where(tidy, "plausible"), seed_count(frame["n"]), tidy.study.dataset),
        frame=frame,
        columns=_HEADER,
        groups=groups,
        notes=[SAY.claims_note()],
        wide=True,
        keys=["claim"],
        how=_HOW,
        sources=[
            Source("selective_metrics", found.rows, keys=["claim"], row="row"),
            Source(
                "selective_sanity",
                found.checks,
                role="checks of the evaluation",
                columns=_CHECKS.__contains__,
                keys=["claim"],
                row="row",
            ),
            Source(
                "selective_strength",
                found.strong_checks,
                role="checks of the attacks",
                columns=_CHECKS.__contains__,
                keys=["claim"],
                row="row",
            ),
            Source(
                "selective_strength",
                found.strong,
                role="worst case",
                columns=_WORST.__contains__,
                keys=["claim"],
                row="row",
            ),
        ],
    )


def _readable(line: Mapping[str, Any]) -> list[str]:
    holm = pd.notna(line["p_holm"])
    known = pd.notna(line["ci_low"])
    p, margin = (line[f"{name}_{'holm' if holm else 'bh'}"] for name in ("p", "p_margin"))
    low, high = line["equivalence_low"], line["equivalence_high"]
    failed = line["failed_checks"]
    return [
        line["claim"],
        line["words"],
        line["place"],
        claim_effect(line),
        format_number(line["smallest"]),
        format_p(p) if known else ABSENT,
        format_p(margin) if known else ABSENT,
        f"[{format_signed(low)}, {format_signed(high)}]" if known else ABSENT,
        format_number(line["detectable"]),
        with_interval(line["worst_mean"], line["worst_low"], line["worst_high"], sign=True),
        f"{failed} of {line['checks']}" if failed else ABSENT,
        line["verdict"],
    ]
