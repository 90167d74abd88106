"""The one reader of tables that a user gives: commas, UTF-8, a header; an empty cell is missing.

Nothing else is missing: ``NA``, ``None`` and ``null`` are text, as good a name as any other.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advlearn.data.text import check_names, read_text
from advlearn.support.errors import UserError

_SEPARATORS = {";": "a semicolon", "\t": "a tab", "|": "a bar"}
_ROW_NUMBERS = re.compile(r"Unnamed: \d+")
"""What pandas calls a column without a name when it reads it, and then writes as its name."""


@dataclass(frozen=True)
class Table:
    """A table as it stands in its file: text without blanks around it.

    Attributes:
        path: the file.
        header: cells of the first row.
        rows: cells of all other rows, each as many as the header has.
        lines: number of the line of the file on which each row ends, from 1.
    """

    path: Path
    header: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        """Cells of one column.

        Raises:
            UserError: there is no such column, or a cell of it is empty.
        """
        if name not in self.header:
            raise UserError(
                f"there is no column {name!r}",
                where=f"{self.path} (has: {', '.join(self.header)})",
                remedy="correct 'label' (upper and lower case count), or set it to null when no"
                " classes are known",
            )
        position = self.header.index(name)
        cells = [row[position] for row in self.rows]
        empty = [row for row, cell in enumerate(cells) if not cell]
        if empty:
            raise UserError(
                f"the cell of row {empty[0] + 1} is empty",
                where=self.place(name, empty),
                remedy="fill it in, or remove the row",
            )
        return cells

    def numbers(self, name: str) -> np.ndarray:
        """One column as float64 (rows), each the number nearest to what is written.

        Raises:
            UserError: there is no such column, or a cell holds no finite number.
        """
        cells = self.column(name)
        numbers = np.array([_number(cell) for cell in cells], dtype=np.float64)
        wrong = np.flatnonzero(~np.isfinite(numbers)).tolist()
        if wrong:
            cell = cells[wrong[0]]
            decimal = math.isfinite(_number(cell.replace(",", ".")))
            raise UserError(
                f"row {wrong[0] + 1} has no finite number: {cell!r}",
                where=self.place(name, wrong),
                remedy="write a decimal point, not a comma"
                if decimal
                else "fill in or remove these rows; name a column of classes as 'label'",
            )
        return numbers

    def place(self, name: str, rows: Sequence[int]) -> str:
        """Where the first of some rows is, and how many there are, for an error."""
        more = f" ({len(rows)} rows in all)" if len(rows) > 1 else ""
        return f"{self.path}, line {self.lines[rows[0]]}, column {name!r}{more}"


def read_cells(path: Path) -> Table:
    """Read a table with a header of any content.

    Raises:
        UserError: the file is missing, is no text in UTF-8, has another separator than a comma or
            an open quote, is empty, or a row has more or fewer cells than the header.
    """
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        reader = csv.reader(
            io.StringIO(read_text(path), newline=""), skipinitialspace=True, strict=True
        )
        for row in reader:
            if row and (len(row) > 1 or row[0].strip()):
                rows.append([cell.strip() for cell in row])
                lines.append(reader.line_num)
        if not rows:
            raise ValueError("it is empty")
    except (OSError, ValueError, csv.Error) as error:
        raise _no_table(path, str(getattr(error, "strerror", None) or error)) from error
    header = rows[0]
    other = next((mark for mark in _SEPARATORS if mark in header[0]), None)
    if len(header) == 1 and other is not None:
        raise UserError(
            f"the cells are separated by {_SEPARATORS[other]}, not by a comma",
            where=f"{path}, line {lines[0]}: {header[0][:60]!r}",
            remedy="save the table with commas between cells and decimal points in numbers",
        )
    for number, (row, line) in enumerate(zip(rows[1:], lines[1:], strict=True), start=1):
        if len(row) != len(header):
            raise _no_table(
                path,
                f"row {number} (line {line}) has {len(row)} cells, the header has {len(header)}"
                f" ({', '.join(header[:5])}{', ...' if len(header) > 5 else ''})",
            )
    return Table(path, tuple(header), rows[1:], lines[1:])


def read_table(path: Path) -> Table:
    """Read a table whose columns all have names.

    Raises:
        UserError: as for `read_cells`; or a column has no name, two have the same one, or the first
            row is one of numbers.
    """
    table = read_cells(path)
    for position, name in enumerate(table.header, start=1):
        if not name or _ROW_NUMBERS.fullmatch(name):
            raise UserError(
                f"column {position} has no name" + (f": {name!r}" if name else ""),
                where=f"{path}, header",
                remedy="remove the column where it holds row numbers (pandas writes none with"
                " index=False), or name it",
            )
        if not name.isdecimal() and math.isfinite(_number(name)):
            raise UserError(
                f"there is no header: the first row has the number {name}",
                where=f"{path}, column {position}",
                remedy="put a row with the names of the columns first",
            )
    try:
        check_names(table.header, "column")
    except ValueError as error:
        raise UserError(
            str(error), where=f"{path}, header", remedy="rename or remove one of the two"
        ) from error
    return table


def _number(text: str) -> float:
    """The number that a cell holds; NaN where it holds none."""
    try:
        # Python would take 1_000 for a number, other programs do not.
        return float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan


def _no_table(path: Path, reason: str) -> UserError:
    return UserError(
        f"cannot be read as a table: {reason}",
        where=str(path),
        remedy="give a CSV file in UTF-8: a header, commas, one row a point or image",
    )
