"""What `make docs` does with a page before it is a page of the site (mkdocs.yml names this file).

A link to a file outside docs/ works in a clone, not on the site: there its text stays, with the
file's path. An image outside docs/ becomes a file of the site, in figures/. Docstrings keep their
Sphinx roles in Python; on the site a name is set as code.
"""

from __future__ import annotations

import posixpath
import re
from importlib import import_module
from pathlib import Path
from typing import Any

IMAGE = re.compile(r'(<img src=")([^":]+)(")')
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)(#[^)\s]*)?\)")

ROLE = re.compile(r":(?:class|func|meth|mod|data|attr):<code>~?([\w.]+)</code>")


def on_files(files: Any, *, config: Any, **_: Any) -> Any:
    """mkdocs' hook: the files of the site, with the images that pages show from elsewhere."""
    # Not installed where the project's own code is checked.
    File = import_module("mkdocs.structure.files").File
    pages = [file for file in files if file.src_uri.endswith(".md")]
    images = {
        found for page in pages for found in outside_images(page.content_string, page.src_uri)
    }
    for path in sorted(images):
        source = str(Path(config.config_file_path).parent / path)
        files.append(File.generated(config, _in_site(path), abs_src_path=source))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """mkdocs' hook: the Markdown of a page, changed."""
    source = page.file.src_uri
    return with_site_images(without_outside_links(markdown, source), source)


def on_page_content(html: str, **_: Any) -> str:
    """mkdocs' hook: the HTML of a page, changed."""
    return ROLE.sub(lambda found: f"<code>{found[1].rsplit('.', 1)[-1]}</code>", html)


def outside_images(markdown: str, source: str) -> set[str]:
    """Paths from the root of the project of the images outside docs/ that a page shows.

    Args:
        markdown: text of the page.
        source: its path in docs/.
    """
    paths = {_path(target, source) for _, target, _ in IMAGE.findall(markdown)}
    return {path for path in paths if not path.startswith("docs/")}


def with_site_images(markdown: str, source: str) -> str:
    """``markdown`` with images outside docs/ taken from the site."""

    def replaced(found: re.Match[str]) -> str:
        path = _path(found[2], source)
        if path.startswith("docs/"):
            return found[0]
        near = posixpath.relpath(_in_site(path), posixpath.dirname(source) or ".")
        return f"{found[1]}{near}{found[3]}"

    return IMAGE.sub(replaced, markdown)


def _path(target: str, source: str) -> str:
    """Where a target of a page lies, from the root of the project."""
    return posixpath.normpath(posixpath.join("docs", posixpath.dirname(source), target))


def _in_site(path: str) -> str:
    return f"figures/{posixpath.basename(path)}"


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
        path = _path(target, source)
        if path.startswith("docs/"):
            return found[0]
        return text if path in text else f"{text} (`{path}`)"

    return LINK.sub(replaced, markdown)
