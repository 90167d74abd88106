"""The head of a user's table of points: what can be refused before any job, without pandas."""

from __future__ import annotations

import csv
from pathlib import Path

from advlearn.settings.points import CsvSettings
from advlearn.support.errors import UserError, did_you_mean

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
FEWEST = 3
"""Points that a clustering needs: with two there is nothing to choose between 1 and 2 clusters."""


def check_table(settings: CsvSettings, key: str) -> None:
    """Refuse a table that is missing or no table, lacks the column of classes, or has too few rows.

    Args:
        settings: the table as the configuration has it.
        key: its key of the configuration, for messages.

    Raises:
        UserError: see above.
    """
    path = Path(settings.path)
    where = f"configuration key '{key}.path': {path}"
    header, rows = _head(path, where)
    if settings.label is not None and settings.label not in header:
        raise UserError(
            f"the table has no column {settings.label!r}{did_you_mean(settings.label, header)}",
            where=f"configuration key '{key}.label', {path} (has: {', '.join(header)})",
            remedy="correct 'label', or set it to null when no classes are known",
        )
    if len(header) == (settings.label is not None):
        raise UserError(
            "the table has no column of numbers", where=where, remedy="give at least one"
        )
    if rows < FEWEST:
        raise UserError(
            f"the table has {rows} rows, too few to be clustered",
            where=where,
            remedy=f"give at least {FEWEST} points",
        )
    if settings.points is not None and settings.points > rows:
        raise UserError(
            f"{settings.points} points are asked for, and the table has {rows} rows",
            where=f"configuration key '{key}.points', {path}",
            remedy=f"set it to at most {rows}, or to null for all",
        )


def _head(path: Path, where: str) -> tuple[list[str], int]:
    """Names of the columns, and the number of rows; or more, where cells have several lines."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = [name.strip() for name in next(csv.reader(stream, skipinitialspace=True), [])]
        with path.open("rb") as lines:
            rows = sum(1 for line in lines if line.strip()) - 1
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"cannot be read as a table: {error}",
            where=where,
            remedy="give a CSV file in UTF-8 with a header and one row a point",
        ) from error
    if not any(header):
        raise UserError(
            "the table is empty",
            where=where,
            remedy="give a CSV file with a header and one row a point",
        )
    other = next((sign for sign in _SEPARATORS if len(header) == 1 and sign in header[0]), None)
    if other:
        raise UserError(
            f"the columns are separated by {_SEPARATORS[other]}, not by commas",
            where=where,
            remedy="write it with commas, for example DataFrame.to_csv(path, index=False)",
        )
    return header, rows
