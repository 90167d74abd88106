"""Fast gradient (sign) method: one linearised step of the whole radius.

Goodfellow, Shlens, Szegedy (2015), "Explaining and harnessing adversarial examples". The
L-infinity version moves by epsilon * sign(gradient), the L2 version by epsilon * gradient / ||.||.
"""

from __future__ import annotations

from advlearn.attacks.ascent import ProjectedAscent, budget_of
from advlearn.deviations import cross_entropy, predicted_cross_entropy
from advlearn.settings.attack import FgsmSettings


def build(settings: FgsmSettings) -> ProjectedAscent:
    """FGSM is projected ascent with a single step of length epsilon from the clean image."""
    return ProjectedAscent(
        budget=budget_of(settings),
        deviation=cross_entropy if settings.labels == "true" else predicted_cross_entropy,
        steps=1,
        step_size=settings.epsilon,
    )
