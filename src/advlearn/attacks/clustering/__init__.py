"""Attacks on clusterings: they propose perturbations, and the exact learner alone judges them.

Each has ``candidates(problem, tau, generator)`` (:class:`advlearn.problem.Attack`), so that it
serves both forms of the bilevel problem and the value function. Noise, transfer, genetic, cma_es
and one_point see labels only and attack any clustering; smoothed, merge, cut and dual need the
derivatives of convex clustering.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from advlearn.attacks.clustering.cma_es import CmaEsAttack
from advlearn.attacks.clustering.composite import CombinedAttack, FixedDirections, HandedOver
from advlearn.attacks.clustering.cut import Cut
from advlearn.attacks.clustering.dual import Dual
from advlearn.attacks.clustering.genetic import Genetic
from advlearn.attacks.clustering.merge import Merge
from advlearn.attacks.clustering.noise import Noise
from advlearn.attacks.clustering.one_point import OnePoint
from advlearn.attacks.clustering.smoothed import Smoothed
from advlearn.attacks.clustering.transfer import Transfer
from advlearn.problem import Attack
from advlearn.support.errors import UserError, unknown_name

__all__ = ["ATTACKS", "CombinedAttack", "FixedDirections", "HandedOver", "build"]

ATTACKS: Mapping[str, Callable[..., Attack]] = {
    "noise": Noise,
    "smoothed": Smoothed,
    "merge": Merge,
    "cut": Cut,
    "dual": Dual,
    "transfer": Transfer,
    "genetic": Genetic,
    "cma_es": CmaEsAttack,
    "one_point": OnePoint,
}
"""What builds each attack from its settings."""


def build(name: str, **settings: Any) -> Attack:
    """The attack of that name.

    Raises:
        UserError: no such attack, or a setting that it has not.
    """
    if name not in ATTACKS:
        raise unknown_name("attack", name, list(ATTACKS), where=f"key 'name', value {name!r}")
    try:
        return ATTACKS[name](**settings)
    except TypeError as error:
        raise UserError(
            f"the attack {name} cannot be built: {error}",
            where=f"settings {', '.join(sorted(settings)) or '(none)'}",
            remedy=f"the docstring of {ATTACKS[name].__module__} lists its settings",
        ) from error
