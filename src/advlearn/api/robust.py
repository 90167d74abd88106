"""Robust accuracy of a classifier in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from advlearn.api.arrays import classes, given
from advlearn.api.images import BoundedAttack
from advlearn.api.results import RobustAccuracy
from advlearn.attacks.robustness import worst_case_verdicts
from advlearn.metrics.logits import logits_of
from advlearn.problem.evasion import frozen
from advlearn.settings.attack import EvaluationSettings, Norm
from advlearn.settings.strong import strong_attacks
from advlearn.support.errors import UserError


def robust_accuracy(
    model: nn.Module,
    inputs: Any,
    labels: Any,
    epsilon: float | None = None,
    *,
    norm: Norm = "linf",
    attacks: Sequence[BoundedAttack] | None = None,
    seed: int = 0,
) -> RobustAccuracy:
    """Share of inputs that withstand every attack; an input counts as soon as one point fools.

    Args:
        model: network (n, ...) -> logits (n, classes).
        inputs: (n, ...) in [0, 1], numpy or torch, of the type of the network's weights.
        labels: (n,) whole numbers.
        epsilon: radius for the usual list: APGD on the cross-entropy, APGD on the targeted
            difference-of-logits ratio, targeted FAB and Square Attack.
        norm: of that radius, linf or l2.
        attacks: attacks to use instead, the cheapest first; all have one norm and one radius.
        seed: decides all that is random.

    Raises:
        UserError: neither or both of ``epsilon`` and ``attacks``, no inputs, arrays that do not
            fit, or a network whose logits or gradients are not finite.
    """
    batch = given(model, inputs)
    truth = classes(labels, batch.images, "labels")
    if not len(batch.images):
        raise UserError(
            "the accuracy of no inputs is no number",
            where="argument inputs, 0 rows",
            remedy="give at least one input",
        )
    if (epsilon is None) == (attacks is None):
        raise UserError(
            "the radius is given once: by epsilon, or by the attacks",
            where=f"epsilon={epsilon}, attacks={attacks}",
            remedy="give epsilon=0.1, or attacks=[PGD(0.1), Square(0.1)]",
        )
    chosen: Sequence[EvaluationSettings]
    if attacks is None:
        assert epsilon is not None
        with frozen(model):
            n_classes = logits_of(model, batch.images[:1]).shape[1]
        chosen = strong_attacks(norm, epsilon, n_classes)
    else:
        chosen = [_settings(attack) for attack in attacks]
    found = worst_case_verdicts(model, batch.images, truth, chosen, seed)
    return RobustAccuracy(
        batch.back(found.clean), batch.back(found.robust), batch.back(found.adversarial)
    )


def _settings(attack: object) -> EvaluationSettings:
    if not isinstance(attack, BoundedAttack):
        raise UserError(
            "robust accuracy is that within a radius",
            where=f"argument attacks, {attack!r}",
            remedy="use FGSM, PGD, APGD, FAB or Square: others look for the shortest perturbation",
        )
    return attack.settings()
