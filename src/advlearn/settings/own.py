"""What settings of functions of the user's own have in common: names, values, what is said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from advlearn.settings.base import Settings, WrongKey, check_plain_names, plain_values
from advlearn.support.errors import did_you_mean

OwnValues = Annotated[dict[str, Any], BeforeValidator(plain_values)]
"""Settings that are handed to a function as they are."""

FUNCTION_SAYS = "package.module:function, or a name that an installed package registers"
"""Description of a key that names a function."""

VALUES_SAY = "handed to the function"
"""Description of the settings of a function."""


def check_known(
    names: Iterable[str],
    known: Iterable[str],
    own: Mapping[str, Settings],
    key: str,
    kind: str,
    taken: Iterable[str] = (),
) -> None:
    """Refuse names that are neither known nor one's own, and own ones that are taken.

    Args:
        names: what the configuration lists under ``key``.
        known: what the library has.
        own: the user's own.
        key: of the list.
        kind: what the names are of, for messages.
        taken: further names that one's own may not have.

    Raises:
        ValueError: a name that cannot stand in tables.
        WrongKey: see above.
    """
    check_plain_names(dict(own))
    clashes = [name for name in own if name in {*known, *taken}]
    if clashes:
        raise WrongKey("own", f"the name {clashes[0]!r} is taken")
    # A column of such names alone would be read as numbers.
    if numbers := [name for name in own if name.isdecimal()]:
        raise WrongKey("own", f"the name {numbers[0]!r} is a number: use a letter in it")
    there = [*known, *own]
    for position, name in enumerate(names):
        if name not in there:
            raise WrongKey(
                f"{key}.{position}",
                f"unknown {kind} {name!r}{did_you_mean(name, there)}; known: {', '.join(there)}",
            )
