"""One study's part of the report, before it becomes HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Rows = tuple[list[str], list[list[str]]]
"""Header and rows of a readable table."""


class Sheet(NamedTuple):
    """A readable table that is none of the paper.

    Attributes:
        caption: what its rows are.
        rows: header and rows.
        wrap: whether long cells are broken into lines.
    """

    caption: str
    rows: Rows
    wrap: bool = False


class Link(NamedTuple):
    """Where to read on.

    Attributes:
        text: what is there.
        address: an address of the web, or a path from the project's folder.
    """

    text: str
    address: str


@dataclass(frozen=True)
class Section:
    """A section that is no table of the paper; readers unfold it.

    Attributes:
        id: anchor, once a page.
        title: heading.
        text: one paragraph.
        sheets: what follows it.
    """

    id: str
    title: str
    text: str
    sheets: Sequence[Sheet]


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
        question: what the study asks, for the first screen; the title where it is empty.
        picture: the figure on the first screen; the study's first where it is empty.
        facts: what holds for every figure, by name: data set, n, seeds, protocol.
        terms: words that readers may not know -> what they mean here.
        links: paper, data and code.
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
    question: str = ""
    picture: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    terms: Mapping[str, str] = field(default_factory=dict)
    links: Sequence[Link] = ()
