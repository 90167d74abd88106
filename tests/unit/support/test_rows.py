from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, write_csv
from advlearn.support.rows import check_rows, read_rows

NUMBERS = (math.pi, 0.1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two rows for each of two numbers and two names."""
    rows = [(number, name, each) for number in NUMBERS for name in ("a", "b") for each in (0, 1)]
    write_csv(tmp_path / "table.csv", pd.DataFrame(rows, columns=["number", "name", "each"]))
    return tmp_path / "table.csv"


def test_a_whole_table_is_read(path: Path) -> None:
    assert len(read_rows(path, 8)) == 8


@pytest.mark.parametrize("wanted", [7, 9])
def test_another_number_of_rows_is_an_error(path: Path, wanted: int) -> None:
    with pytest.raises(UserError, match=f"table.csv lacks .* 8 instead of {wanted}") as error:
        read_rows(path, wanted)
    assert error.value.where == str(path)
    assert "rebuilt" in error.value.remedy


def test_combinations_are_compared_as_they_are_written(path: Path) -> None:
    frame = read_csv(path)
    assert math.pi not in set(frame["number"])
    check_rows(path, frame, 2, number=NUMBERS, name=["a", "b"])
    check_rows(path, frame, 4, number=NUMBERS)


def test_no_values_ask_for_no_rows(path: Path) -> None:
    frame = read_csv(path)
    check_rows(path, frame.head(0), number=(), name=["a", "b"])
    check_rows(path, frame.head(0), number=())
    with pytest.raises(UserError, match="8 instead of 0"):
        check_rows(path, frame, number=())


def swapped(frame: pd.DataFrame) -> pd.DataFrame:
    """As many rows, but one of another combination."""
    return frame.assign(name=["b", *frame["name"].iloc[1:]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.iloc[1:], "1 of 3.141592654, a instead of 2"),
        (lambda frame: frame[frame["name"] != "b"], "0 of 3.141592654, b instead of 2"),
        (lambda frame: pd.concat([frame, frame.tail(1)]), "3 of 0.1, b instead of 2"),
        (lambda frame: pd.concat([frame, frame.tail(1).assign(name="c")]), "9 instead of 8"),
        (swapped, "1 of 3.141592654, a instead of 2"),
    ],
)
def test_a_lost_a_repeated_and_a_strange_row_are_errors(
    path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        check_rows(path, change(read_csv(path)), 2, number=NUMBERS, name=["a", "b"])
