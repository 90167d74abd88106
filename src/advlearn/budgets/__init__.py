"""Budgets: the sets of perturbations an attacker may choose from."""

from __future__ import annotations

from advlearn.budgets.balls import L2Ball, LinfBall
from advlearn.budgets.base import Box, Budget
from advlearn.support.errors import unknown_name

__all__ = ["Box", "Budget", "L2Ball", "LinfBall", "build"]

_BALLS: dict[str, type[Budget]] = {"linf": LinfBall, "l2": L2Ball}


def build(norm: str, epsilon: float, box: Box | None = None) -> Budget:
    """The ball of radius ``epsilon`` in the named norm (``linf`` or ``l2``), cut by ``box``.

    Raises:
        UserError: no such norm, or a radius that is negative or not finite.
    """
    if norm not in _BALLS:
        raise unknown_name("norm", norm, list(_BALLS), where=f"key 'norm', value {norm!r}")
    return _BALLS[norm](epsilon, box if box is not None else Box())
