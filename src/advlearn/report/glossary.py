"""Words that readers may not know, linked to what they mean where they first stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from advlearn.support.text import shown

TIDY = (
    "A tidy table has one row an observation and one column a variable. Those of a run are the only"
    " files that tables, figures and this page are made of."
)


class Glossary:
    """The terms of a page, in alphabetical order, and those that are linked so far.

    Args:
        terms: term -> what it means.
    """

    def __init__(self, terms: Mapping[str, str]) -> None:
        self.terms = dict(sorted(terms.items()))
        self._open = {term: re.compile(rf"\b{re.escape(term)}s?\b", re.I) for term in terms}

    def marked(self, text: str) -> str:
        """``text`` as HTML, with a link at the first place of each term; to be called in order."""
        html = escape(shown(text))
        places = [
            (found.start(), found.end(), term)
            for term, pattern in self._open.items()
            if (found := pattern.search(html))
        ]
        end = len(html)
        for first, last, term in sorted(places, reverse=True):
            if last <= end:  # a term within another one waits for its next place
                link = f'<a class="term" href="#{anchor(term)}">{html[first:last]}</a>'
                html, end = html[:first] + link + html[last:], first
                del self._open[term]
        return html


def anchor(term: str) -> str:
    """Where the page explains a term."""
    return f"term-{re.sub(r'[^a-z0-9]+', '-', term.lower())}"
