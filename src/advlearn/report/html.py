"""Readable tables as HTML: with a caption and row headers, to be sorted, folded and printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from advlearn.report.numbers import ABSENT
from advlearn.report.page import Rows
from advlearn.report.pieces import TablePiece
from advlearn.report.table import Table
from advlearn.support.text import shown

OPEN_ROWS = 14
"""The longest table that is unfolded from the start."""
_WIDE = 150
"""Characters of a line, two between columns, beyond which a printed table is turned."""
_NUMBER = re.compile(
    r"(?:[×<>≤≥]\s*)?([+−-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?<=\d)(?:e[+−-]?\d+)?)(?![\w.])"
)
_LAST = "-1" + 15 * "0"
"""What a cell without a number is sorted by."""


def html(table: Table | TablePiece) -> str:
    """The rows of a table of the paper: one HTML table a group, long ones and later ones folded."""
    groups = [group for group in table.groups if group.rows]
    columns = list(table.columns)
    parts = []
    for place, group in enumerate(groups):
        body = table_html(group.title or table.title, (columns, group.rows))
        long = len(group.rows) > OPEN_ROWS
        if group.title or long:
            is_open = place == 0 and not long
            body = folded(group.title or "All rows", body, len(group.rows), is_open=is_open)
        parts.append(body)
    return "".join(parts)


def folded(title: str, body: str, rows: int, *, is_open: bool = False) -> str:
    """``body``, HTML, behind a heading that says how many rows there are."""
    count = f'<span class="count">{rows} {"row" if rows == 1 else "rows"}</span>'
    return (
        f"<details{' open' if is_open else ''}><summary>{_html(title)} {count}</summary>\n"
        f"{body}</details>\n"
    )


def table_html(caption: str, rows: Rows, *, wrap: bool = False) -> str:
    """One HTML table; it scrolls sideways on a narrow screen, and prints at the width of the page.

    The first cell of a row names it. Columns of numbers are sorted by them: by the first number of
    a cell, and cells without one come first.

    Args:
        caption: what the rows are; read out, and not seen, since a heading stands above.
        rows: header and rows.
        wrap: whether long cells are broken into lines.
    """
    header, lines = rows
    keys = [_sort_keys([line[place] for line in lines]) for place in range(len(header))]
    head = "".join(
        f'<th scope="col"{_method(key)}>{_html(cell)}</th>'
        for cell, key in zip(header, keys, strict=True)
    )
    body = []
    for number, line in enumerate(lines):
        cells = [
            _cell(cell, key[number] if key else None, names_row=place == 0 and bool(cell.strip()))
            for place, (cell, key) in enumerate(zip(line, keys, strict=True))
        ]
        body.append(f"<tr>{''.join(cells)}</tr>\n")
    kinds = "scroll" + " wrap" * wrap + " wide" * _is_wide(rows, wrap)
    name = _html(caption)
    return (
        f'<div class="{kinds}" role="region" aria-label="{name}" tabindex="0">'
        f'<table>\n<caption class="unseen">{name}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{''.join(body)}</tbody></table></div>\n"
    )


def _is_wide(rows: Rows, wrap: bool) -> bool:
    header, lines = rows
    if wrap or not lines:
        return False
    longest = (max(map(len, column)) for column in zip(header, *lines, strict=True))
    return sum(width + 2 for width in longest) > _WIDE


def _sort_keys(cells: Sequence[str]) -> list[str]:
    """By what the cells of a column of numbers are sorted; nothing for a column of words."""
    found = [_NUMBER.match(cell) for cell in cells]
    words = [cell for cell, number in zip(cells, found, strict=True) if not number]
    if all(number is None for number in found) or set(words) - {ABSENT, ""}:
        return []
    return [_plain(number[1]) if number else _LAST for number in found]


def _plain(text: str) -> str:
    """A number without thousands and powers of ten, which the sorting reads no sign of."""
    value = float(text.replace("−", "-").replace(",", ""))
    short = f"{value:.10g}"
    return f"{value:.15f}" if "e" in short else short


def _method(key: Sequence[str]) -> str:
    return ' class="number" data-sort-method="number"' if key else ""


def _cell(text: str, key: str | None, *, names_row: bool) -> str:
    number = ' class="number"' if re.match(r"[+−]?\d", text) else ""
    sort = f' data-sort="{key}"' if key is not None else ""
    if names_row:
        return f'<th scope="row"{number}{sort}>{_html(text)}</th>'
    return f"<td{number}{sort}>{_html(text)}</td>"


def _html(text: str) -> str:
    return escape(shown(text))
