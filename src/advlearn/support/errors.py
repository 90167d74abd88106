"""Errors written for the person who has to act on them."""

from __future__ import annotations


class UserError(Exception):
    """Something the user gave is wrong, and the user can mend it.

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

    def __str__(self) -> str:
        return f"{self.what}\n  where:  {self.where}\n  remedy: {self.remedy}"


REBUILT = "delete the file and run the workflow again: it is rebuilt"
"""The remedy for a damaged file that the workflow itself has made."""


class BudgetViolation(RuntimeError):
    """A perturbation left its ball or its box: a defect of an attack, never a result."""


def unknown_name(kind: str, name: str, known: list[str], *, where: str) -> UserError:
    """The error for a name that is in no registry, with the list of those that are."""
    return UserError(
        f"unknown {kind} {name!r}",
        where=where,
        remedy=f"use one of: {', '.join(sorted(known))}",
    )
