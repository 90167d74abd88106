from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from advlearn.report.pieces import FigurePiece, Piece, read_pieces, table_piece, write_pieces
from advlearn.report.table import Group, Table
from advlearn.support.errors import UserError

TABLE = Table(
    "Title",
    "Caption with ε.",
    pd.DataFrame({"a": [1 / 3, 2.0], "empty": [None, None]}),
    ["a"],
    [Group("one", [["0.333"]]), Group("", [["2"]])],
    ["a note"],
)


def test_pieces_come_back_as_they_were(tmp_path: Path) -> None:
    pieces: dict[str, Piece] = {
        "study_table": table_piece(TABLE),
        "study_figure": FigurePiece("One panel.", "x,y\n1,2\n", 1),
    }
    write_pieces(tmp_path / "page" / "study.json", pieces)
    assert read_pieces(tmp_path / "page" / "study.json") == pieces


def test_the_rows_of_a_table_are_those_of_its_file() -> None:
    assert table_piece(TABLE).data == "a\n0.3333333333\n2\n"


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read") as caught:
        read_pieces(tmp_path / "none.json")
    assert "'tables' and 'figures'" in caught.value.remedy
