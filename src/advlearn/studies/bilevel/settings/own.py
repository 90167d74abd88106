"""Clusterers and attacks of the user's own in study 3 (docs/own-attack.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from advlearn.settings.base import Settings, WrongKey, check_plain_names, plain_values
from advlearn.support.errors import did_you_mean
from advlearn.support.own import FUNCTION, registered

_Values = Annotated[dict[str, Any], BeforeValidator(plain_values)]
_FUNCTION = "package.module:function, or a name that an installed package registers"
_VALUES = "handed to the function"


class OwnVictim(Settings):
    """A clusterer of which the attacker sees labels alone."""

    function: Annotated[str, BeforeValidator(partial(registered, kind="victims"))] = Field(
        pattern=FUNCTION, description=_FUNCTION
    )
    settings: _Values = Field({}, description=_VALUES)


class OwnClusteringAttack(Settings):
    """An attack on clusterings."""

    function: Annotated[str, BeforeValidator(partial(registered, kind="clustering_attacks"))] = (
        Field(pattern=FUNCTION, description=_FUNCTION)
    )
    settings: _Values = Field({}, description=_VALUES)


def check_known(
    names: Iterable[str], known: Iterable[str], own: Mapping[str, Settings], key: str, kind: str
) -> None:
    """Refuse names that are neither known nor one's own, and own ones that are taken.

    Args:
        names: what the configuration lists under ``key``.
        known: what the library has.
        own: the user's own.
        key: of the list.
        kind: what the names are of, for messages.

    Raises:
        ValueError: a name that cannot stand in tables.
        WrongKey: see above.
    """
    check_plain_names(dict(own))
    taken = [name for name in own if name in known]
    if taken:
        raise WrongKey("own", f"the name {taken[0]!r} is taken")
    there = [*known, *own]
    for position, name in enumerate(names):
        if name not in there:
            raise WrongKey(
                f"{key}.{position}",
                f"unknown {kind} {name!r}{did_you_mean(name, there)}; known: {', '.join(there)}",
            )
