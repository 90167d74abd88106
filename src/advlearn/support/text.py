"""Names that users chose, as one line of text that every output can hold."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from advlearn.support.errors import UserError

_BREAKS = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")
# Marks that turn the direction of the text around them, and what is no character in XML.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NONE = frozenset("\ufffe\uffff")
_UNKNOWN = "\ufffd"


def shown(text: object, longest: int | None = None) -> str:
    """``text`` on one line: breaks and tabs are blanks, other control characters a replacement.

    Letters of all scripts stay as they are; nothing is escaped, which is the writers' business.

    Args:
        text: a name, or what ``str`` makes of it.
        longest: number of characters beyond which it is shortened, with an ellipsis.
    """
    line = str(text)
    if not line.isprintable():
        line = "".join(map(_visible, line))
    return line if longest is None or len(line) <= longest else f"{line[: longest - 1]}…"


def check_printable(names: Sequence[str], what: str, *, where: str) -> None:
    """Refuse names that no table can hold: with NUL, half a character pair, or other controls.

    Tabs and line breaks are borne.

    Raises:
        UserError: the first such name, and which character it is.
    """
    for number, name in enumerate(names):
        if name.isprintable():
            continue
        for character in name:
            if _visible(character) == _UNKNOWN != character:
                raise UserError(
                    f"{what} {number} has the control character U+{ord(character):04X}: {name!a}",
                    where=where,
                    remedy="remove it: tables, figures and pages cannot hold it",
                )


def _visible(character: str) -> str:
    if character in _BREAKS:
        return " "
    hidden = unicodedata.category(character) in {"Cc", "Cs"}
    return _UNKNOWN if hidden or character in _TURNING or character in _NONE else character
