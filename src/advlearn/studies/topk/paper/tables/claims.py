"""Every claim of the paper with its verdict: one row a claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from advlearn.report.frames import records
from advlearn.report.numbers import ABSENT, format_number, with_interval
from advlearn.report.table import Group, Source, Table
from advlearn.studies.topk.paper.claims import FAMILIES, tested
from advlearn.studies.topk.paper.notes import SAY, standing_notes
from advlearn.studies.topk.paper.run import TopkTidy


def build(run: TopkTidy) -> Table:
    """All claims, the primary family first."""
    found = tested(run)
    frame, images = found.frame, run["topk_images"]
    blocks = [
        Group(title, [_readable(line) for line in records(frame[frame["family"] == family])])
        for family, title in FAMILIES.items()
        if (frame["family"] == family).any()
    ]
    behind = [
        Source("topk_images", found.rows, role, keys=["claim"], row=row)
        for row, role in (("row", "values"), ("row_reference", "reference on the same images"))
    ]
    assert len(found.rows) == 0 or found.rows["row"].isin(images.index).all()
    return Table(
        title="The claims of the paper",
        caption=SAY.claims(),
        frame=frame,
        columns=[
            *("claim", "effect", "smallest", "Holm", "BH", "excluded", "detectable", "images"),
            "verdict",
        ],
        groups=blocks,
        notes=standing_notes(run),
        wide=True,
        keys=["claim"],
        how=(
            "mean over attacks of the gain, of norms the geometric mean of the ratio; ci_low,"
            " ci_high: 95 % interval for further images and seeds; p: two-sided, of no effect;"
            " p_no_gain, p_no_loss: one-sided, at the smallest effect of interest; *_holm, *_bh:"
            " corrected; equivalence_low, equivalence_high: 90 % interval"
        ),
        sources=behind,
    )


def _readable(line: Mapping[str, Any]) -> list[str]:
    ratio = line["kind"] == "ratio"
    excluded = line["p_no_gain_holm" if line["family"] == "primary" else "p_no_gain_bh"]
    return [
        line["words"],
        with_interval(line["mean"], line["ci_low"], line["ci_high"], sign=not ratio),
        format_number(line["smallest"]),
        *(_p(line[name]) for name in ("p_holm", "p_bh")),
        _p(excluded),
        format_number(line["detectable"]),
        format_number(line["images"], 0),
        line["verdict"],
    ]


def _p(value: float) -> str:
    shown = format_number(value)
    return "< 0.001" if shown == "0.000" else shown or ABSENT
