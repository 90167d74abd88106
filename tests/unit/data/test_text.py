from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advlearn.data.text import check_names, read_text, repeated, split_lines


@pytest.mark.parametrize("content", [b"caf\xc3\xa9", b"\xef\xbb\xbfcaf\xc3\xa9"])
def test_text_with_a_byte_order_mark_or_without(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    assert read_text(tmp_path / "x") == "café"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"one\ncaf\xe9\n", r"line 2 is not in UTF-8: byte 0xe9 \(latin-1"),
        (b"\xef\xbb\xbfone\ncaf\xe9\n", "line 2 is not in UTF-8"),
        ("one".encode("utf-16"), "UTF-16"),
        ("one".encode("utf-16-le"), "no text in UTF-8"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"PK\x03\x04", "spreadsheet"),
    ],
)
def test_what_is_no_text_says_what_it_is(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_text(tmp_path / "x")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a pipe or a device"):
        read_text(tmp_path / "pipe")


def test_lines_end_as_on_any_system() -> None:
    assert split_lines("a\nb\r\nc\rd") == ["a", "b", "c", "d"]
    assert split_lines("one\u2028line\x0c\n") == ["one\u2028line\x0c"]


@given(st.lists(st.sampled_from("abcd")))
def test_repeated_values_are_those_that_a_count_finds(values: list[str]) -> None:
    found = repeated(values)
    assert sorted(found) == sorted({value for value in values if values.count(value) > 1})
    assert found == sorted(found, key=values.index)


def test_names_say_something_and_say_it_once() -> None:
    check_names(["a", "b"], "class")
    with pytest.raises(ValueError, match="class 2 of 2 has no name"):
        check_names(["a", ""], "class")
    with pytest.raises(ValueError, match="the class 'a' is given twice"):
        check_names(["a", "b", "a"], "class")
    with pytest.raises(ValueError, match="the class 'caf\u00e9' is given twice"):
        check_names(["caf\u00e9", "cafe\u0301"], "class")  # a letter, and a letter with its accent
