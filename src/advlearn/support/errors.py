"""Errors written for the person who has to act on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, Self, TypeVar

_Error = TypeVar("_Error", bound="UserError")


class UserError(ValueError):
    """Something the user gave is wrong, and the user can mend it.

    A ValueError, which who uses the library catches. Where a ``try`` also takes other ValueErrors
    for damage, ``except UserError: raise`` stands first.

    Args:
        what: what is wrong, one sentence.
        where: file, key and value in which it was found.
        remedy: what to do about it.
    """

    def __init__(self, what: str, *, where: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[type[Self], str], dict[str, Any]]:
        # Errors of a process travel to the one that waits for it; kinds are made in ways of their
        # own, so that they are not made again.
        return _empty, (type(self), self.what), self.__dict__

    def __str__(self) -> str:
        return f"{self.what}\n  where:  {self.where}\n  remedy: {self.remedy}"


def _empty(kind: type[_Error], what: str) -> _Error:
    return kind.__new__(kind, what)


REBUILT = "delete the file and run the workflow again: it is rebuilt"
"""The remedy for a damaged file that the workflow itself has made."""


class BudgetViolation(RuntimeError):
    """A perturbation left its ball or its box: a defect of an attack, never a result."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean 'mnist'?`` where a known name is near to one that is not, else nothing."""
    folded = {each.casefold(): each for each in reversed(list(known))}
    near = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[near[0]]!r}?" if near else ""


def told_apart(value: float, bound: float) -> tuple[str, str]:
    """A value and the bound that it misses, with as many digits as tell them apart.

    >>> told_apart(0.01000001, 0.01)
    ('0.01000001', '0.01')
    """
    texts = f"{value:.4g}", f"{bound:.4g}"
    for digits in range(5, 18):
        if texts[0] != texts[1] or value == bound:
            break
        texts = f"{value:.{digits}g}", f"{bound:.{digits}g}"
    return texts


def unknown_name(kind: str, name: str, known: list[str], *, where: str) -> UserError:
    """The error for a name that is in no registry, with the nearest and the list of all."""
    return UserError(
        f"unknown {kind} {name!r}{did_you_mean(name, known)}",
        where=where,
        remedy=f"use one of: {', '.join(sorted(known))}",
    )
