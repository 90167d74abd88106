"""Which keys a configuration may have at a place, for the hint at the nearest one."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


def keys_at(model: type[BaseModel], location: Sequence[Any]) -> list[str]:
    """Names of the keys that stand beside a key.

    Args:
        model: settings of the whole document.
        location: where the key is, as pydantic gives it: with the tags of the settings that are of
            several kinds.
    """
    places: list[Any] = [model]
    for part in location[:-1]:
        inner = [kind for place in places for kind in _inside(place, part)]
        # A tag is no step: it says which of several kinds of settings stand here.
        tagged = [kind for place in places for kind in _kinds(place) if _is_tagged(kind, part)]
        places = inner or tagged or places
    groups = [kind for place in places for kind in _kinds(place) if _is_group(kind)]
    return list(dict.fromkeys(name for group in groups for name in group.model_fields))


def _inside(place: Any, part: Any) -> Iterator[Any]:
    for kind in _kinds(place):
        if _is_group(kind):
            if part in kind.model_fields:
                yield kind.model_fields[part].annotation
        elif get_origin(kind) in (dict, Mapping) and isinstance(part, str):
            yield get_args(kind)[1]
        elif get_origin(kind) in (list, tuple) and isinstance(part, int):
            yield get_args(kind)[0]


def _kinds(place: Any) -> list[Any]:
    """The types that a value may be of, without what only annotates them."""
    if get_origin(place) is Annotated:
        return _kinds(get_args(place)[0])
    if get_origin(place) in (Union, types.UnionType):
        return [kind for one in get_args(place) for kind in _kinds(one)]
    return [place]


def _is_tagged(kind: Any, tag: Any) -> bool:
    """Whether settings are those of a tag: it is one of the values of their key ``name``."""
    return (
        _is_group(kind)
        and "name" in kind.model_fields
        and tag in get_args(kind.model_fields["name"].annotation)
    )


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
