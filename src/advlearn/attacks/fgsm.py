"""Fast gradient (sign) method: one linearised step of the whole radius.

Goodfellow, Shlens, Szegedy (2015), "Explaining and harnessing adversarial examples". The
L-infinity version moves by epsilon * sign(gradient), the L2 version by epsilon * gradient / ||.||.
"""

from __future__ import annotations

from advlearn import budgets
from advlearn.attacks.ascent import ProjectedAscent
from advlearn.deviations import cross_entropy
from advlearn.settings.attack import FgsmSettings


def build(settings: FgsmSettings) -> ProjectedAscent:
    """FGSM is projected ascent with a single step of length epsilon from the clean image."""
    return ProjectedAscent(
        budget=budgets.build(settings.norm, settings.epsilon),
        deviation=cross_entropy,
        steps=1,
        step_size=settings.epsilon,
    )
