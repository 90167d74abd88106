"""One study's part of the report, before it becomes HTML."""

from __future__ import annotations

from dataclasses import dataclass

Rows = tuple[list[str], list[list[str]]]
"""Header and rows of a readable table."""


@dataclass(frozen=True)
class Section:
    """A section that is no table of the paper.

    Attributes:
        id: anchor, once a page.
        title: heading.
        text: one paragraph.
        html: what follows it.
    """

    id: str
    title: str
    text: str
    html: str


@dataclass(frozen=True)
class Page:
    """What the report says of one study, beside its tables and figures.

    Attributes:
        study: name of the study, the prefix of its tables and figures.
        title: heading.
        run: name of the run.
        subtitle: data, seeds and what else a reader has to know first.
        warning: empty, or why the numbers must be read with care.
        headline: the most important numbers.
        sentences: what they say, derived from the intervals.
        comparisons: the comparisons behind the sentences.
        sections: further sections.
    """

    study: str
    title: str
    run: str
    subtitle: str
    warning: str
    headline: Rows
    sentences: list[str]
    comparisons: Rows
    sections: list[Section]
