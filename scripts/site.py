"""What `make docs` does with a page before it is a page of the site (mkdocs.yml names this file).

A link to a file outside docs/ works in a clone, not on the site: there its text stays, with the
file's path. Docstrings keep their Sphinx roles in Python; on the site a name is set as code.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")

ROLE = re.compile(r":(?:class|func|meth|mod|data|attr):<code>~?([\w.]+)</code>")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """mkdocs' hook: the Markdown of a page, changed."""
    return without_outside_links(markdown, page.file.src_uri)


def on_page_content(html: str, **_: Any) -> str:
    """mkdocs' hook: the HTML of a page, changed."""
    return ROLE.sub(lambda found: f"<code>{found[1].rsplit('.', 1)[-1]}</code>", html)


def without_outside_links(markdown: str, source: str) -> str:
    """``markdown`` with links that leave docs/ as plain text.

    Args:
        markdown: text of the page.
        source: its path in docs/.
    """

    def replaced(found: re.Match[str]) -> str:
        text, target = found[1], found[2]
        if "://" in target:
            return found[0]
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(source), target))
        if path.startswith("docs/"):
            return found[0]
        return text if path in text else f"{text} (`{path}`)"

    return LINK.sub(replaced, markdown)
