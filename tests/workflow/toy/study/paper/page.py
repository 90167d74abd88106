"""The toy study's part of the report."""

from __future__ import annotations

from advlearn.studies.toy.paper.means import build
from advlearn.studies.toy.paper.schema import ToyTidy

from advlearn.report.numbers import format_number
from advlearn.report.page import Page
from advlearn.report.sections import choices_section


def page(run: ToyTidy) -> Page:
    """The table as headline, one sentence, the open choice."""
    table = build(run)
    rows = (list(table.columns), table.groups[0].rows)
    largest = float((run["toy_draws"]["value"] - 0.5).abs().max())
    return Page(
        study="toy",
        title="Means of a few draws",
        run=run.study.run,
        subtitle="Draws from the unit interval.",
        warning="",
        headline=rows,
        sentences=[f"No mean is further than {format_number(largest)} from one half."],
        comparisons=rows,
        sections=[choices_section(run)],
    )
