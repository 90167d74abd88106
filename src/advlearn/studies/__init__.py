"""The registry of studies: one line a study, in the order of the papers.

A study is a package of this name beside this file whose module ``study`` has the constant STUDY.
Nothing of it is imported before it is asked for.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from advlearn.studies.base import Study
from advlearn.support.errors import UserError

NAMES = (
    "selective",
    "topk",
    "bilevel",
)


@cache
def study(name: str) -> Study:
    """The study of a name.

    Raises:
        UserError: there is no such study.
    """
    if name not in NAMES:
        raise UserError(
            f"there is no study {name!r}",
            where="the name of a study",
            remedy=f"use one of: {', '.join(NAMES)}",
        )
    found: Study = import_module(f"{__name__}.{name}.study").STUDY
    return found


def studies() -> tuple[Study, ...]:
    """All studies, in the order of the papers."""
    return tuple(study(name) for name in NAMES)


def study_of(name: str) -> Study:
    """The study of a table or figure, whose name begins with that of its study.

    Raises:
        UserError: there is no such study.
    """
    return study(name.partition("_")[0])
