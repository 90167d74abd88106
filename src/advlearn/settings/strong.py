"""The attacks that the worst case of an image is taken over."""

from __future__ import annotations

from advlearn.settings.attack import (
    DLR_CLASSES,
    TARGETED_DLR_CLASSES,
    ApgdDeviationName,
    ApgdSettings,
    EvaluationSettings,
    FabSettings,
    Norm,
    SquareSettings,
)


def strong_attacks(
    norm: Norm,
    epsilon: float,
    n_classes: int,
    *,
    steps: int = 100,
    queries: int = 5000,
    targets: int | None = 9,
) -> tuple[EvaluationSettings, ...]:
    """The attacks whose worst case says how robust a network is, in the order of AutoAttack.

    APGD on the cross-entropy, APGD on the targeted difference-of-logits ratio, targeted FAB and
    Square Attack, as in AutoAttack (Croce and Hein 2020), whose numbers are the defaults.

    Args:
        norm: of the ball.
        epsilon: its radius.
        n_classes: of the network; with three the ratio has no target, with two it is the margin.
        steps: of each run of the first three.
        queries: of Square Attack.
        targets: most classes that targeted attacks aim at; None: all but the label.
    """
    second: ApgdDeviationName = "targeted_dlr"
    if n_classes < TARGETED_DLR_CLASSES:
        second = "dlr" if n_classes >= DLR_CLASSES else "negative_margin"
    return (
        ApgdSettings(norm=norm, epsilon=epsilon, steps=steps),
        ApgdSettings(norm=norm, epsilon=epsilon, steps=steps, deviation=second, targets=targets),
        FabSettings(norm=norm, epsilon=epsilon, steps=steps, targets=targets),
        SquareSettings(norm=norm, epsilon=epsilon, queries=queries),
    )
