"""Attacks: solvers of the upper level of the bilevel problem, built by name from their settings."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from advlearn.settings.attack import LIBRARY_ATTACKS, OwnAttackSettings
from advlearn.support.errors import UserError, unknown_name

if TYPE_CHECKING:
    from torch import Tensor, nn

    from advlearn.support.checkpoint import Checkpoint

__all__ = ["ATTACKS", "Attack", "build"]

ATTACKS: dict[str, str] = {
    "fgsm": "advlearn.attacks.fgsm",
    "pgd": "advlearn.attacks.pgd",
    "apgd": "advlearn.attacks.apgd",
    "fab": "advlearn.attacks.fab",
    "square": "advlearn.attacks.square",
}
"""Registered attacks and the modules that build them; imported only when asked for."""


class Attack(Protocol):
    """Anything that perturbs images."""

    def run(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        seed: int,
        checkpoint: Checkpoint | None = None,
    ) -> Tensor:
        """Adversarial images of the same shape, dtype and device as ``images`` (n, ...).

        With a ``checkpoint`` a job that was killed resumes where it was.
        """
        ...


def build(settings: Any) -> Attack:
    """The attack that ``settings.name`` names.

    Args:
        settings: settings of one attack (:mod:`advlearn.settings.attack`).

    Raises:
        UserError: no attack of that name (lists those there are), one without a radius, or one of
            one's own that cannot be loaded.
    """
    if isinstance(settings, OwnAttackSettings):
        own: Attack = import_module("advlearn.attacks.pgd").build_own(settings)
        return own
    name = str(getattr(settings, "name", settings))
    if name in LIBRARY_ATTACKS:
        raise UserError(
            f"attack {name!r} has no radius, at which study 1 compares models",
            where=f"key 'name', value {name!r}",
            remedy=f"use advlearn.attacks.{name}.build from Python, or one of {', '.join(ATTACKS)}",
        )
    if name not in ATTACKS:
        raise unknown_name("attack", name, list(ATTACKS), where=f"key 'name', value {name!r}")
    attack: Attack = import_module(ATTACKS[name]).build(settings)
    return attack
