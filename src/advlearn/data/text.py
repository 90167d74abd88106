"""Text files that a user gives, and the names in them."""

from __future__ import annotations

import io
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

_Value = TypeVar("_Value", bound=Hashable)

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_NO_TEXT = {
    b"\x1f\x8b": "it is compressed (gzip)",
    b"PK": "it is an archive or a spreadsheet (zip)",
}


def read_text(path: Path) -> str:
    """Read a text file in UTF-8, with a byte-order mark or without; line ends stay as they are.

    Raises:
        OSError: there is no such file, or it cannot be read.
        ValueError: it is a pipe or a device, in another encoding, or no text at all.
    """
    check_file(path)
    content = path.read_bytes()
    for start, kind in _NO_TEXT.items():
        if content.startswith(start):
            raise ValueError(f"{kind} and no text file: unpack it, or save it as plain text")
    if content.startswith(_UTF16) or b"\0" in content:
        raise ValueError("it is no text in UTF-8 (UTF-16?): save it in UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"line {line} is not in UTF-8: byte 0x{error.object[error.start]:02x}"
            " (latin-1 or Windows-1252?); save it in UTF-8"
        ) from error


def check_file(path: Path) -> None:
    """Refuse a pipe or a device: who reads it may wait for ever, or read what comes once only.

    Raises:
        ValueError: it is one.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ValueError("it is a pipe or a device and no file: save its content in a file")


def split_lines(text: str) -> list[str]:
    """The lines of a text without their ends, be they of Unix, Windows or an old Macintosh."""
    return [line.rstrip("\n") for line in io.StringIO(text, newline=None)]


def repeated(values: Iterable[_Value]) -> list[_Value]:
    """The values that stand more than once, in the order in which they come."""
    return [value for value, count in Counter(values).items() if count > 1]


def check_names(names: Sequence[str], kind: str) -> None:
    """Check that every name says something and says it once.

    Args:
        names: without blanks around them.
        kind: what they name, for example ``class``.

    Raises:
        ValueError: one is empty or given twice.
    """
    if "" in names:
        raise ValueError(f"{kind} {names.index('') + 1} of {len(names)} has no name")
    # An accent may be a part of its letter or stand behind it: the two look alike.
    twice = repeated(unicodedata.normalize("NFC", name) for name in names)
    if twice:
        raise ValueError(f"the {kind} {twice[0]!r} is given twice")
