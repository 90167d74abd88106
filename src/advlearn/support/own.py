"""Functions of the user's own: ``package.module:function``, or a name that a package registers."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from advlearn.support.errors import UserError

FUNCTION = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
"""Pattern of ``package.module:function``."""


def registered(name: Any, kind: str) -> Any:
    """``package.module:function`` behind a name that an installed package registers.

    A package registers it as entry point of the group ``advlearn.KIND``.

    Args:
        name: what the configuration says; anything that nobody has registered comes back as it is.
        kind: attacks, models, clusterers or reductions.
    """
    if isinstance(name, str) and ":" not in name:
        for point in entry_points(group=f"advlearn.{kind}", name=name):
            return point.value
    return name


def load_own(name: str, kind: str, where: str) -> Any:
    """The function behind ``package.module:function``, imported.

    Args:
        name: the function.
        kind: what it is, for the message.
        where: key of the configuration, for the message.

    Raises:
        UserError: there is no such module or function.
    """
    module, _, function = name.partition(":")
    try:
        return getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"cannot load the {kind} {name!r}: {error}",
            where=where,
            remedy="put the module on PYTHONPATH or install it, and name it as"
            " package.module:function",
        ) from error


def build_own(name: str, kind: str, where: str, settings: Mapping[str, Any]) -> Any:
    """What the function behind ``package.module:function`` builds from ``settings``.

    Args:
        name: the function.
        kind: what it builds, for the message.
        where: key of the configuration, for the message.
        settings: of the configuration; the function gets a copy.

    Raises:
        UserError: there is no such function, it fails, or it returns a class.
    """
    function = load_own(name, kind, where)
    try:
        built = function(deepcopy(dict(settings)))
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the {kind} {name!r} cannot be built: {type(error).__name__}: {error}",
            where=f"{where}, settings {dict(settings)}",
            remedy="let it take one argument, a dict of what the configuration has under its key"
            " 'settings', and set what it asks for there",
        ) from error
    if isinstance(built, type):
        raise UserError(
            f"the {kind} {name!r} is the class {built.__qualname__}, not an object of it",
            where=where,
            remedy=f"return {built.__qualname__}(...)",
        )
    return built
