"""Numbers that come from outside, such as gradients: what is not finite is an error.

A comparison with NaN is false and its sign is 0, so that an attack which is handed NaN stands still
and its images count as robust. Numbers are therefore checked where they enter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from advlearn.support.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


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

    One pass over memory where all is well.

    Args:
        values: (n, ...) floating, a tensor or an array; a row an image.
        what: what the numbers are, in the plural.
        remedy: what to do about it.
        thing: what a row belongs to, in the plural.

    Raises:
        NotFiniteError: says how many rows are concerned, and which is the first.
    """
    # A sum is not finite if a term is not; where it is large for another reason, all are looked at.
    with np.errstate(over="ignore", invalid="ignore"):
        if math.isfinite(float(values.sum())):
            return
    array = np.asarray(values if isinstance(values, np.ndarray) else values.detach().cpu().double())
    good = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not good.all():
        raise NotFiniteError(
            what, np.flatnonzero(~good).tolist(), len(good), remedy=remedy, thing=thing
        )
