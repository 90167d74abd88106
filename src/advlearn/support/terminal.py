"""Standard output and error: every text prints, and a reader that stops reading is no error."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from advlearn.support.errors import UserError

_REPLACEMENT = "advlearn.replace"
_PLAIN = {
    "−": "-", "–": "-", "×": "x", "·": "*", "±": "+/-", "≤": "<=", "≥": ">=",
    "→": "->", "…": "...", "∞": "inf",
}  # fmt: skip


@contextmanager
def terminal() -> Iterator[None]:
    """Run a command whose output may be any text and may be cut off, as by ``| head``.

    A character that the encoding of standard output or error lacks is printed as its plain
    counterpart (``-`` for a minus sign), or as ``?``. Where nobody reads the rest of the output,
    the command ends without a word, with status 1.

    Raises:
        SystemExit: the reader of the output has gone.
    """
    make_printable()
    try:
        yield
    except BrokenPipeError:
        _flush()
        sys.exit(1)
    except SystemExit as ended:
        if not _flush():
            sys.exit(ended.code or 1)
        raise
    if not _flush():
        sys.exit(1)


@contextmanager
def command() -> Iterator[None]:
    """:func:`terminal` for a script: what the user can mend is printed, and gives status 2.

    Raises:
        SystemExit: a `UserError` was raised, or the reader of the output has gone.
    """
    with terminal():
        try:
            yield
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)


def make_printable() -> None:
    """Let standard output and error replace what their encodings lack."""
    codecs.register_error(_REPLACEMENT, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_REPLACEMENT)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(one, "?") for one in lacking), error.end


def _flush() -> bool:
    """Whether both streams took what was left to print; one that did not leads nowhere now.

    Else the interpreter tries once more when it ends, and complains.
    """
    taken = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            taken = False
    return taken
