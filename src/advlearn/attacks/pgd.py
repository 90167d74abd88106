"""Projected gradient descent attack.

Madry et al. (2018), "Towards deep learning models resistant to adversarial attacks".
"""

from __future__ import annotations

from dataclasses import replace

from advlearn import deviations
from advlearn.attacks import rules
from advlearn.attacks.ascent import ProjectedAscent, budget_of
from advlearn.settings.attack import OwnAttackSettings, PgdSettings


def build(settings: PgdSettings) -> ProjectedAscent:
    """PGD: many short steepest steps, each followed by a projection."""
    return ProjectedAscent(
        budget=budget_of(settings),
        deviation=deviations.build(settings.deviation),
        steps=settings.steps,
        step_size=settings.resolved_step_size,
        random_start=settings.random_start,
        restarts=settings.restarts,
        ball=settings.ball,
    )


def build_own(settings: OwnAttackSettings) -> ProjectedAscent:
    """PGD along the directions of a rule of the user's own.

    Raises:
        UserError: the rule cannot be loaded.
    """
    return replace(build(settings), rule=rules.load(settings))
