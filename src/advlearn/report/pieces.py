"""What the page of a run shows of a table and of a figure: written as they are made, read by it.

The stages ``tables`` and ``figures`` leave it in one JSON file a study, so that the page neither
builds a table nor draws a figure a second time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from advlearn.report.downloads import csv_text
from advlearn.report.table import Group, Table
from advlearn.support.errors import UserError
from advlearn.support.io import read_json, write_json


class TablePiece(NamedTuple):
    """The readable form of a table, and its rows.

    Attributes:
        title: one line, no full stop.
        caption: what the numbers are.
        columns: headings of the readable form.
        groups: its rows.
        notes: remarks below the table.
        data: the tidy rows as CSV.
    """

    title: str
    caption: str
    columns: Sequence[str]
    groups: Sequence[Group]
    notes: Sequence[str]
    data: str


class FigurePiece(NamedTuple):
    """What is seen in a figure.

    Attributes:
        words: for those who do not see it.
        data: its marks as CSV; empty where it has none.
        marks: their number.
    """

    words: str
    data: str
    marks: int


Piece = TablePiece | FigurePiece


def table_piece(table: Table) -> TablePiece:
    """What the page shows of a table."""
    frame = table.frame.dropna(axis="columns", how="all")
    return TablePiece(
        table.title, table.caption, table.columns, table.groups, table.notes, csv_text(frame)
    )


def write_pieces(path: Path, pieces: Mapping[str, Piece]) -> None:
    """Keep the tables or the figures of a study, by name, as JSON.

    Raises:
        UserError: the folder cannot be written to.
    """
    write_json(path, {name: _plain(piece) for name, piece in pieces.items()})


def read_pieces(path: Path) -> dict[str, Piece]:
    """The tables or figures of a study, by name.

    Raises:
        UserError: the file is missing, or is none that `write_pieces` has written.
    """
    try:
        return {name: _piece(values) for name, values in read_json(path).items()}
    except UserError:
        raise
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"what the page shows of tables and figures cannot be read: {error}",
            where=str(path),
            remedy="run the stages 'tables' and 'figures' again, with --page",
        ) from error


def _plain(piece: Piece) -> dict[str, Any]:
    values = piece._asdict()
    if isinstance(piece, TablePiece):
        values["groups"] = [asdict(group) for group in piece.groups]
    return values


def _piece(values: Mapping[str, Any]) -> Piece:
    if "groups" in values:
        return TablePiece(**{**values, "groups": [Group(**each) for each in values["groups"]]})
    return FigurePiece(**values)
