"""Deviations: what the attacker wants to grow.

Of a network's logits, one number an image, in :mod:`advlearn.deviations.logits` (handed on here)
and :mod:`advlearn.deviations.topk`; of two partitions of the same points, one number, in
:mod:`advlearn.deviations.partitions`. The last needs no network, so that torch is imported only
when one of the first two is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from advlearn.support.errors import unknown_name

if TYPE_CHECKING:
    from advlearn.deviations.logits import (
        Deviation,
        cross_entropy,
        dlr,
        margin,
        negative_margin,
        predicted_cross_entropy,
        targeted_dlr,
    )

__all__ = [
    "Deviation",
    "build",
    "cross_entropy",
    "dlr",
    "margin",
    "negative_margin",
    "predicted_cross_entropy",
    "targeted_dlr",
]

_LOGITS = "advlearn.deviations.logits"
_NAMES = ("cross_entropy", "dlr", "negative_margin")


def build(name: str) -> Deviation:
    """The deviation of logits of that name.

    Raises:
        UserError: no such deviation; lists those there are.
    """
    if name not in _NAMES:
        raise unknown_name(
            "deviation", name, list(_NAMES), where=f"key 'deviation', value {name!r}"
        )
    deviation: Deviation = getattr(import_module(_LOGITS), name)
    return deviation


def __getattr__(name: str) -> Any:
    """The names of :mod:`advlearn.deviations.logits`, imported at their first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LOGITS), name)
