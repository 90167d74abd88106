"""Numbers that come from outside, such as gradients: what is not finite is an error.

A comparison with NaN is false and its sign is 0, so that an attack which is handed NaN stands still
and its images count as robust. Numbers are therefore checked where they enter.

To look at a number on a GPU is to wait for it. A loop there looks every few steps
(:func:`look_every`) and defers the checks in between (:func:`deferred`): what is not right is then
known before a result is used, and the steps since the last look are made once more, one at a time,
for the error to name what is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from advlearn.support.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, device

EVERY_ON_CPU, EVERY_ON_GPU = 1, 4
"""Steps from one look at the numbers of a loop to the next."""


class NotFiniteError(UserError):
    """Rows of numbers that are NaN or infinite.

    Args:
        what: what the numbers are, for example ``the network's logits``.
        rows: the rows concerned, ascending, at least one.
        total: number of all rows.
        thing: what a row belongs to, in the plural.
        remedy: what to do about it.
        names: by which the rows are known, for example positions in a split; by default their
            places in the batch.
    """

    def __init__(
        self,
        what: str,
        rows: Sequence[int],
        total: int,
        *,
        remedy: str,
        thing: str = "images",
        names: Sequence[Any] | None = None,
    ) -> None:
        first = f"{rows[0]}, counted from 0"
        if names is not None:
            first = f"at position {names[rows[0]]}"
        super().__init__(
            f"{what} are not finite for {len(rows)} of {total} {thing}",
            where=f"the first is {thing.removesuffix('s')} {first}",
            remedy=remedy,
        )
        self.rows, self._total, self._thing = rows, total, thing
        self._what = what

    def named(self, names: Sequence[Any]) -> NotFiniteError:
        """The same error for rows with ``names``, one name a row."""
        return NotFiniteError(
            self._what,
            self.rows,
            self._total,
            remedy=self.remedy,
            thing=self._thing,
            names=names,
        )


def check_finite(
    values: Tensor | np.ndarray, what: str, *, remedy: str, thing: str = "images"
) -> None:
    """Refuse numbers that are NaN or infinite.

    One pass over memory where all is well. Within :func:`deferred` a tensor is not looked at.

    Args:
        values: (n, ...) floating, a tensor or an array; a row an image.
        what: what the numbers are, in the plural.
        remedy: what to do about it.
        thing: what a row belongs to, in the plural.

    Raises:
        NotFiniteError: says how many rows are concerned, and which is the first.
    """
    # A sum is not finite if a term is not; where it is large for another reason, all are looked at.
    checks = _CHECKS.get()
    if checks is not None and not isinstance(values, np.ndarray):
        checks.require_finite(values.sum())
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(float(values.sum())):
            return
    array = np.asarray(values if isinstance(values, np.ndarray) else values.detach().cpu().double())
    good = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not good.all():
        raise NotFiniteError(
            what, np.flatnonzero(~good).tolist(), len(good), remedy=remedy, thing=thing
        )


class Checks:
    """Conditions that were not looked at yet; they stay on their device."""

    def __init__(self) -> None:
        self._holds: Tensor | None = None
        # 0 as long as every number was finite.
        self._trace: Tensor | None = None

    def require(self, condition: Tensor) -> None:
        """Add a condition, a bool tensor with one entry."""
        self._holds = condition if self._holds is None else self._holds & condition

    def require_finite(self, value: Tensor) -> None:
        """Require that one number is finite: a single operation, as there are many such checks."""
        if self._trace is None:
            self._trace = value * 0
        else:
            # Zero times what is not finite is not a number.
            self._trace.add_(value, alpha=0)

    def condition(self) -> Tensor | None:
        """All conditions in one, a bool tensor with one entry; None: there was none."""
        if self._trace is not None:
            self.require(self._trace == 0)
            self._trace = None
        return self._holds

    def into(self, holds: Tensor) -> None:
        """Clear ``holds``, a bool tensor with one entry, if a condition does not hold."""
        condition = self.condition()
        if condition is not None:
            holds.logical_and_(condition)

    def hold(self) -> bool:
        """Whether all conditions hold: waits for the device."""
        condition = self.condition()
        return condition is None or bool(condition)


_CHECKS: ContextVar[Checks | None] = ContextVar("deferred checks", default=None)


@contextmanager
def deferred() -> Iterator[Checks]:
    """Within the block checks of tensors raise nothing and wait for nothing.

    Nothing that is made in the block may be used before ``hold()`` of what it yields is true.
    Where it is false, a check has failed or a sum was too large: the caller does the same without
    the block, in which every check raises its error.
    """
    checks = Checks()
    token = _CHECKS.set(checks)
    try:
        yield checks
    finally:
        _CHECKS.reset(token)


def deferred_checks() -> Checks | None:
    """Where a check is to leave its condition; None: it looks at once."""
    return _CHECKS.get()


def look_every(where: device) -> int:
    """Steps of a loop on this device from one look at its numbers to the next, at least 1."""
    return EVERY_ON_CPU if where.type == "cpu" else EVERY_ON_GPU
