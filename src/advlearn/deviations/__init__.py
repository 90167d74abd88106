"""Deviations: what the attacker wants to grow, one number an image."""

from __future__ import annotations

from advlearn.deviations.logits import (
    Deviation,
    cross_entropy,
    dlr,
    margin,
    negative_margin,
)
from advlearn.support.errors import unknown_name

__all__ = ["Deviation", "build", "cross_entropy", "dlr", "margin", "negative_margin"]

_DEVIATIONS: dict[str, Deviation] = {
    "cross_entropy": cross_entropy,
    "dlr": dlr,
    "negative_margin": negative_margin,
}


def build(name: str) -> Deviation:
    """The deviation of that name.

    Raises:
        UserError: no such deviation; lists those there are.
    """
    if name not in _DEVIATIONS:
        raise unknown_name(
            "deviation", name, list(_DEVIATIONS), where=f"key 'deviation', value {name!r}"
        )
    return _DEVIATIONS[name]
