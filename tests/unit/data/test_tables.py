from __future__ import annotations

import csv
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advlearn.data.tables import read_cells, read_table
from advlearn.support.errors import UserError


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "mine.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# Each: the file, and what the header and the rows are.
PLAIN = (("x", "kind"), [["1", "one"], ["2", "two"]])
GOOD: dict[str, tuple[str | bytes, tuple[tuple[str, ...], list[list[str]]]]] = {
    "plain": ("x,kind\n1,one\n2,two\n", PLAIN),
    "no last line end": ("x,kind\n1,one\n2,two", PLAIN),
    "byte-order mark": (b"\xef\xbb\xbfx,kind\n1,one\n2,two\n", PLAIN),
    "byte-order mark and quotes": (b'\xef\xbb\xbf"x","kind"\n1,one\n2,two\n', PLAIN),
    "Windows": ("x,kind\r\n1,one\r\n2,two\r\n", PLAIN),
    "old Macintosh": ("x,kind\r1,one\r2,two\r", PLAIN),
    "blanks": (" x , kind \n 1,one  \n2 ,\ttwo\n", PLAIN),
    "empty lines": ("\nx,kind\n\n1,one\n   \n2,two\n\n\n", PLAIN),
    "quotes": (
        'x,kind\n"1","a, b"\n2,"c ""d"""\n', (("x", "kind"), [["1", "a, b"], ["2", 'c "d"']]),
    ),
    "names of what is missing elsewhere": (
        "x,kind\nNA,None\nnull,NaN\n", (("x", "kind"), [["NA", "None"], ["null", "NaN"]]),
    ),
    "header alone": ("x,kind\n", (("x", "kind"), [])),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_tables_of_any_editor_are_read_alike(case: str, tmp_path: Path) -> None:
    content, (header, rows) = GOOD[case]
    table = read_table(written(tmp_path, content))
    assert (table.header, table.rows) == (header, rows)


# Each: the file, and what the message says.
BAD: dict[str, tuple[str | bytes, str]] = {
    "row numbers of pandas": (",x,y\n0,1,2\n1,3,4\n", "column 1 has no name"),
    "row numbers of R": ('"","x","y"\n"1",1,2\n', "column 1 has no name"),
    "row numbers, read and written again": (
        "Unnamed: 0,x,y\n0,1,2\n", "column 1 has no name: 'Unnamed: 0'",
    ),
    "row names of R": (
        "x,y\n1,1,2\n2,3,4\n", "row 1 (line 2) has 3 cells, the header has 2 (x, y)",
    ),
    "empty last column": ("x,y,\n1,2,\n", "column 3 has no name"),
    "column twice": ("x,y,x\n1,2,3\n", "the column 'x' is given twice"),
    "column twice but for blanks": ("x,y, x \n1,2,3\n", "the column 'x' is given twice"),
    "no header": ("5.1,3.5,setosa\n4.9,3.0,setosa\n", "the first row has the number 5.1"),
    "semicolons": ("x;y\n1,5;2,5\n", "separated by a semicolon, not by a comma"),
    "tabs": ("x\ty\n1\t2\n", "separated by a tab, not by a comma"),
    "bars": ("x|y\n1|2\n", "separated by a bar, not by a comma"),
    "short row": ("x,y\n1,2\n3\n", "row 2 (line 3) has 1 cells, the header has 2"),
    "long row": ("x,y\n1,2\n3,4,5\n", "row 2 (line 3) has 3 cells, the header has 2"),
    "empty": ("", "it is empty"),
    "blanks alone": (" \n\r\n", "it is empty"),
    "open quote": ('x,y\n1,"2\n', "cannot be read as a table"),
    "latin-1": (b"x,caf\xe9\n1,2\n", "line 1 is not in UTF-8: byte 0xe9"),
    "UTF-16": ("x,y\n1,2\n".encode("utf-16"), "UTF-16"),
    "spreadsheet": (b"PK\x03\x04\x00\x00", "an archive or a spreadsheet"),
    "compressed": (b"\x1f\x8b\x08\x00", "it is compressed"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_table_is_refused_with_its_reason(case: str, tmp_path: Path) -> None:
    content, said = BAD[case]
    path = written(tmp_path, content)
    with pytest.raises(UserError) as caught:
        read_table(path)
    assert said in caught.value.what
    assert str(path) in caught.value.where
    assert caught.value.remedy


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(UserError, match="Is a directory"):
        read_table(tmp_path)


def test_a_header_of_any_content(tmp_path: Path) -> None:
    assert read_cells(written(tmp_path, ",1.5,a,a\n0,1,2,3\n")).header == ("", "1.5", "a", "a")


# Each: a cell, and what the message says of it.
CELLS = {
    "": "the cell of row 2 is empty",
    "  ": "the cell of row 2 is empty",
    "NA": "row 2 has no finite number: 'NA'",
    "nan": "row 2 has no finite number: 'nan'",
    "inf": "row 2 has no finite number: 'inf'",
    "1e999": "row 2 has no finite number: '1e999'",
    "tall": "row 2 has no finite number: 'tall'",
    "True": "row 2 has no finite number: 'True'",
    "1_000": "row 2 has no finite number: '1_000'",
    '"1,5"': "row 2 has no finite number: '1,5'",
}


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_without_a_number_is_named_by_row_line_and_column(cell: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"name,size\na,1\n\nb,{cell}\n")
    with pytest.raises(UserError) as caught:
        read_table(path).numbers("size")
    assert caught.value.what == CELLS[cell]
    assert caught.value.where == f"{path}, line 4, column 'size'"
    if "," in cell:
        assert "decimal point" in caught.value.remedy


def test_how_many_cells_are_wrong_is_said(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "x\n1\na\nb\n"))
    with pytest.raises(UserError) as caught:
        table.numbers("x")
    assert "(2 rows in all)" in caught.value.where
    with pytest.raises(UserError, match="there is no column 'y'"):
        table.column("y")


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_are_read_to_the_last_bit(
    tmp_path_factory: pytest.TempPathFactory, values: list[float]
) -> None:
    path = written(tmp_path_factory.getbasetemp(), "x\n" + "".join(f"{v!r}\n" for v in values))
    read = read_table(path).numbers("x")
    assert read.tobytes() == struct.pack(f"<{len(values)}d", *values)
    assert read.dtype == np.float64


_text = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1
)


@given(st.lists(st.lists(_text, min_size=2, max_size=2), min_size=1))
def test_what_the_csv_module_writes_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([["first", "second"], *rows])
    path = written(tmp_path_factory.getbasetemp(), stream.getvalue())
    assert read_table(path).rows == [[cell.strip() for cell in row] for row in rows]
