"""Budgets: the sets of perturbations an attacker may choose from.

Balls around images (torch) are handed on here and imported when one is asked for; budgets for point
sets (numpy) are in :mod:`advlearn.budgets.points`, which needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from advlearn.support.errors import unknown_name

if TYPE_CHECKING:
    from advlearn.budgets.balls import L2Ball, LinfBall
    from advlearn.budgets.base import Box, Budget

__all__ = ["Box", "Budget", "L2Ball", "LinfBall", "build"]

_MODULES = {
    "Box": "advlearn.budgets.base",
    "Budget": "advlearn.budgets.base",
    "L2Ball": "advlearn.budgets.balls",
    "LinfBall": "advlearn.budgets.balls",
}
_BALLS = {"linf": "LinfBall", "l2": "L2Ball"}


def build(norm: str, epsilon: float, box: Box | None = None) -> Budget:
    """The ball of radius ``epsilon`` in the named norm (``linf`` or ``l2``), cut by ``box``.

    Raises:
        UserError: no such norm, or a radius that is negative or not finite.
    """
    if norm not in _BALLS:
        raise unknown_name("norm", norm, list(_BALLS), where=f"key 'norm', value {norm!r}")
    ball: type[Budget] = __getattr__(_BALLS[norm])
    return ball(epsilon) if box is None else ball(epsilon, box)


def __getattr__(name: str) -> Any:
    """The names of the balls' modules, imported at their first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
