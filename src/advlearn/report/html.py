"""From the Markdown that this package writes, and from pictures, to self-contained HTML."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

_OPEN = 2  # white-box and transfer of the first universe side by side
_LARGEST_SVG = 700_000  # bytes; larger ones are embedded as PNG


def table_html(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table that scrolls sideways on a narrow screen."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td{_align(cell)}>{escape(cell)}</td>" for cell in row) + "</tr>\n"
        for row in rows
    )
    return (
        '<div class="scroll" tabindex="0"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
    )


def markdown_html(text: str) -> str:
    """HTML of a Markdown file of `advlearn.report.writers`, without its heading.

    Knows what that module writes and no more: paragraphs, bold group titles, pipe tables and lists.
    The first two groups are open, the further ones unfold.
    """
    parts: list[str] = []
    title: str | None = None
    groups = 0
    for block in re.split(r"\n{2,}", text.strip()):
        lines = block.splitlines()
        if lines[0].startswith("#"):
            continue
        if re.fullmatch(r"\*\*.*\*\*", block):
            title = block.strip("*")
        elif lines[0].startswith("|"):
            cells = [_cells(line) for line in lines]
            table = table_html(cells[0], cells[2:])
            if title is None:
                parts.append(table)
            else:
                opened = " open" if groups < _OPEN else ""
                parts.append(
                    f"<details{opened}><summary>{escape(title)}</summary>\n{table}</details>\n"
                )
            title, groups = None, groups + 1
        elif lines[0].startswith("- "):
            items = "".join(f"<li>{escape(line.removeprefix('- '))}</li>" for line in lines)
            parts.append(f'<ul class="notes">{items}</ul>\n')
        else:
            parts.append(f"<p>{escape(' '.join(lines))}</p>\n")
    return "".join(parts)


def markdown_title(text: str) -> str:
    """The heading of a Markdown file."""
    return text.lstrip().splitlines()[0].lstrip("# ").strip()


def picture(stem: Path) -> str | None:
    """``stem``.svg as a data address, ``stem``.png where that is large; None if both are absent."""
    for suffix, kind in ((".svg", "svg+xml"), (".png", "png")):
        path = stem.parent / f"{stem.name}{suffix}"
        if path.is_file() and (suffix == ".png" or path.stat().st_size <= _LARGEST_SVG):
            content = base64.b64encode(path.read_bytes()).decode("ascii")
            return f"data:image/{kind};base64,{content}"
    return None


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


def _align(cell: str) -> str:
    return ' class="number"' if re.match(r"[+−]?\d", cell) else ""
