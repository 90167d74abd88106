from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from advlearn.report.numbers import format_number, format_signed, with_interval, with_published
from advlearn.report.table import Group, Table
from advlearn.report.writers import escape_latex, latex, markdown, pipe_table, write_table
from advlearn.support.errors import UserError


def _table(rows: int = 2) -> Table:
    frame = pd.DataFrame(
        {"a": ["x_1", "y"][:rows], "b": [0.5, 0.25][:rows], "empty": [None] * rows}
    )
    shown = [["x_1 & 5 %", "0.500"], ["y|z", "−0.250"]][:rows]
    return Table(
        "Title", "Caption.", frame, ["name", "value"], [Group("group #1", shown)], ["note"]
    )


def test_three_files_without_empty_columns(tmp_path: Path) -> None:
    paths = write_table(_table(), tmp_path / "t")
    assert [path.name for path in paths] == ["t.csv", "t.md", "t.tex"]
    assert paths[0].read_text() == "a,b\nx_1,0.5\ny,0.25\n"


def test_names_with_dots_keep_them(tmp_path: Path) -> None:
    assert write_table(_table(), tmp_path / "v1.2")[0].name == "v1.2.csv"


def test_table_without_rows(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to show in the table t"):
        write_table(_table(0), tmp_path / "t")
    assert list(tmp_path.iterdir()) == []


def test_markdown() -> None:
    lines = markdown(_table()).splitlines()
    assert lines[0] == "## Title"
    assert "**group #1**" in lines
    assert "| y\\|z      | −0.250 |" in lines
    assert lines[-1] == "- note"


def test_columns_of_numbers_are_right_aligned() -> None:
    assert pipe_table(["n", "word"], [["1", "a"], ["–", "b"]])[1] == "| --: | ---- |"


def test_latex_escapes_and_balances() -> None:
    text = latex(_table(), "my_label")
    assert r"x\_1 \& 5 \% & 0.500 \\" in text
    assert r"\label{tab:my-label}" in text
    assert r"\emph{group \#1}" in text
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert "$-$0.250" in text


def test_long_tables_break_over_pages() -> None:
    table = _table()
    long = Table("T", "C", table.frame, table.columns, [Group("", [["a", "1"]] * 60)])
    text = latex(long, "long")
    assert r"\begin{longtable}{lr}" in text
    assert r"\begin{table}" not in text
    assert text.count(r"\begin{") == text.count(r"\end{")


@pytest.mark.parametrize("character", list("\\&%$#_{}~^"))
def test_every_special_character_is_escaped(character: str) -> None:
    assert escape_latex(character) != character


def test_numbers() -> None:
    assert format_number(0.12345) == "0.123"
    assert format_number(-0.0001) == "0.000"
    assert format_number(-0.5, 1) == "−0.5"
    assert format_number(math.nan) == "–"
    assert format_signed(0.0301) == "+0.030"
    assert format_signed(-0.0301) == "−0.030"
    assert format_signed(0.0) == "0.000"


def test_cells() -> None:
    assert with_interval(0.5, 0.4, 0.6) == "0.500 [0.400, 0.600]"
    assert with_interval(0.5, math.nan, math.nan) == "0.500"
    assert with_interval(-0.1, -0.2, 0.1, sign=True) == "−0.100 [−0.200, +0.100]"
    assert with_published("0.500", 0.4) == "0.500 (0.400)"
    assert with_published("0.500", math.nan) == "0.500"
