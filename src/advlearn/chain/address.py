"""Names of figures, tables and single numbers, as a reader would write them.

``selective_table1_fgsm`` is a table, ``selective_table1_fgsm:kmeans,n_clusters=3,clean,mean`` one
of its numbers. Words after the colon are separated by commas: ``key=value`` or a value alone
chooses lines, the name of a column chooses the number (``mean`` by default), ``line=12`` a line of
the CSV file. A value may be cut short, and so may the name, as long as one thing alone is meant.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from advlearn.support.errors import UserError

_SHOWN = 12
_FIRST_LINE = 2
"""Line of the CSV file on which its first row stands."""


@dataclass(frozen=True)
class Address:
    """What is to be explained.

    Attributes:
        kind: ``tables`` or ``figures``.
        name: name of the table or figure.
        words: what names the number; none: the whole table or figure.
        run: folder of the run, where the name was given as a path.
    """

    kind: str
    name: str
    words: tuple[str, ...] = ()
    run: Path | None = None


@dataclass(frozen=True)
class Cell:
    """One number of a table.

    Attributes:
        row: position of its line below the header, from 0.
        column: name of its column.
        text: as it stands in the CSV file.
        keys: what names the line.
    """

    row: int
    column: str
    text: str
    keys: Mapping[str, str]

    @property
    def line(self) -> int:
        """Line of the CSV file, the header being the first."""
        return self.row + _FIRST_LINE


def parse(text: str, tables: Iterable[str], figures: Iterable[str]) -> Address:
    """Read an address.

    Args:
        text: name, ``tables/name``, ``figures/name`` or path of a drawn file, with a cell or not.
        tables: names of all tables.
        figures: names of all figures.

    Raises:
        UserError: no table or figure is meant, or several are; the error lists what there is.
    """
    head, colon, cell = text.partition(":")
    words = tuple(word.strip() for word in next(csv.reader([cell], skipinitialspace=True), []))
    known = {"tables": list(tables), "figures": list(figures)}
    path = Path(head)
    stem = path.name.partition(".")[0]
    kinds = [path.parent.name] if path.parent.name in known else list(known)
    if colon:
        kinds = [kind for kind in kinds if kind == "tables"]
    elif path.suffix in (".csv", ".md", ".tex"):
        kinds = ["tables"]
    elif path.suffix in (".svg", ".pdf", ".png"):
        kinds = ["figures"]
    whole = [(kind, name) for kind in kinds for name in known[kind] if name == stem]
    found = whole or [
        (kind, name) for kind in kinds for name in known[kind] if stem and stem in name
    ]
    if len(found) != 1:
        meant = found or [(kind, name) for kind in kinds or ["tables"] for name in known[kind]]
        raise UserError(
            f"{stem!r} names {'more than one thing' if found else 'no table or figure'}",
            where=f"{text!r}",
            remedy="use one of: " + ", ".join(f"{kind}/{name}" for kind, name in meant),
        )
    kind, name = found[0]
    outside = path.parent.parent.name == "paper" and path.parent.name == kind
    return Address(kind, name, words, path.parents[2] if outside else None)


def find_cell(path: Path, keys: Sequence[str], words: Sequence[str]) -> Cell:
    """The number that the words name.

    Args:
        path: CSV file of the table.
        keys: columns that name a line.
        words: see the head of this module.

    Raises:
        UserError: a word means nothing here, or the words leave no line, several, or no column.
    """
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = list(csv.reader(stream))
    # Columns that hold nothing in this run are not in the file.
    names = [name for name in keys if name in header]
    left: dict[int, Mapping[str, str]] = {
        number: dict(zip(header, row, strict=True)) for number, row in enumerate(rows)
    }
    column = "mean" if "mean" in header else ""
    for word in words:
        key, equals, value = (part.strip() for part in word.partition("="))
        if word in header and word not in names:
            column = word
            continue
        if equals and key == "line":
            kept = {i: row for i, row in left.items() if value == str(i + _FIRST_LINE)}
        elif equals and key in names:
            kept = _matching(left, [key], value)
        else:
            kept = _matching(left, names, word)
        if not kept:
            raise UserError(
                f"{word!r} is in no line of the table that the words before it leave",
                where=f"{path}, cell {','.join(words)}",
                remedy=f"use {_values(left, names)}; or line=N; or a column: "
                + ", ".join(name for name in header if name not in names),
            )
        left = kept
    where = f"{path}, cell {','.join(words)}"
    if len(left) > 1:
        open_keys = [name for name in names if len({row[name] for row in left.values()}) > 1]
        raise UserError(
            f"the cell names {len(left)} lines of the table, not one",
            where=where,
            remedy=f"add {_values(left, open_keys)}",
        )
    if not column:
        raise UserError(
            "the cell names a line but no column",
            where=where,
            remedy="add one of: " + ", ".join(name for name in header if name not in names),
        )
    ((number, row),) = left.items()
    return Cell(number, column, row[column], {name: row[name] for name in names})


def _matching(
    rows: Mapping[int, Mapping[str, str]], columns: Sequence[str], value: str
) -> dict[int, Mapping[str, str]]:
    """The rows with the value in one of the columns; where none has it, with a part of it."""
    for same in (_equal, _contains):
        kept = {
            i: row for i, row in rows.items() if any(same(row[name], value) for name in columns)
        }
        if kept:
            return kept
    return {}


def _equal(text: str, value: str) -> bool:
    if text.lower() == value.lower():
        return True
    try:
        return float(text) == float(value)
    except ValueError:
        return False


def _contains(text: str, value: str) -> bool:
    # A digit is in too many numbers to mean anything.
    return bool(value) and not value.isdigit() and value.lower() in text.lower()


def _values(rows: Mapping[int, Mapping[str, str]], columns: Sequence[str]) -> str:
    """``attack=fgsm|pgd, ...``: what the rows have in these columns."""
    parts = []
    for name in columns:
        values = list(dict.fromkeys(row[name] for row in rows.values()))
        more = "|..." if len(values) > _SHOWN else ""
        parts.append(f"{name}={'|'.join(values[:_SHOWN])}{more}")
    return ", ".join(parts)
