"""A user's table of points, looked at before any job: its header and its rows, without pandas."""

from __future__ import annotations

from advlearn.data.tables import read_table
from advlearn.settings.points import CsvSettings
from advlearn.support.errors import UserError, did_you_mean

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
    path = settings.path
    try:
        table = read_table(path)
    except UserError as error:
        where = f"configuration key '{key}.path', {error.where}"
        raise UserError(error.what, where=where, remedy=error.remedy) from error
    header, rows = table.header, len(table.rows)
    where = f"configuration key '{key}.path', {path}"
    if settings.label is not None and settings.label not in header:
        raise UserError(
            f"there is no column {settings.label!r}{did_you_mean(settings.label, header)}",
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
