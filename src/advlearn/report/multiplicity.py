"""p-values of several tests, adjusted for how many there are.

An adjusted p-value is compared with the level itself. `holm` bounds the chance that any claim of
the family is wrongly taken to hold; `benjamini_hochberg` bounds the expected share of wrong ones
among those taken to hold, which is less and fits a list of all comparisons.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from advlearn.support.errors import UserError


def holm(p: ArrayLike) -> np.ndarray:
    """Holm's step-down adjustment: the family-wise error rate is at most the level.

    The i-th smallest of m p-values is multiplied by m - i + 1, and no result is smaller than that
    of a smaller p-value. Nothing is assumed of how the tests depend on each other. Source: Holm, *A
    simple sequentially rejective multiple test procedure*, Scandinavian Journal of Statistics 6,
    1979.

    Args:
        p: (m,) p-values of one family, each in [0, 1], in any order.

    Returns:
        (m,) adjusted p-values in the same order, in [0, 1], none below its p-value; empty for none.

    Raises:
        UserError: a p-value is missing or outside [0, 1], or the array has another shape.
    """
    given = _checked(p)
    order = np.argsort(given, kind="stable")
    factors = np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * given[order]))
    return adjusted


def benjamini_hochberg(p: ArrayLike) -> np.ndarray:
    """Benjamini and Hochberg's step-up adjustment: the false discovery rate is at most the level.

    The i-th smallest of m p-values is multiplied by m / i, and no result is larger than that of a
    larger p-value. Assumes tests that are independent or positively dependent (comparisons with one
    control are). Source: Benjamini and Hochberg, *Controlling the false discovery rate*, Journal of
    the Royal Statistical Society B 57, 1995. Arguments, result and errors as in `holm`.
    """
    # Other users of this module need not wait for the half second that this import takes.
    from scipy.stats import false_discovery_control

    given = _checked(p)
    adjusted: np.ndarray = false_discovery_control(given, method="bh") if len(given) else given
    return adjusted


def _checked(p: ArrayLike) -> np.ndarray:
    given = np.array(p, dtype=float)
    if given.ndim != 1:
        raise UserError(
            "the p-values of a family are a list",
            where=f"p-values of shape {given.shape}",
            remedy="give one p-value a test, shape (m,)",
        )
    wrong = np.flatnonzero(~((given >= 0) & (given <= 1)))
    if len(wrong):
        raise UserError(
            "a p-value lies in [0, 1]",
            where=f"p-value {wrong[0]} of {len(given)}, counted from 0: {given[wrong[0]]}",
            remedy="a test that was declared but could not be made counts with p = 1",
        )
    return given
