"""An evaluation that distrusts itself: checks that fail where an attack or its use is broken.

After the checks of AutoAttack and of Carlini et al. (2019), "On evaluating adversarial
robustness": attacks without effect, gradients that vanish, perturbations that leave the budget, and
an attack that another one of the same budget beats which should be no stronger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from advlearn import attacks, budgets, deviations
from advlearn.attacks.robustness import ON_CPU, robust_verdicts
from advlearn.learners.batches import images_at_once, in_batches
from advlearn.problem.evasion import MaxEffectProblem, frozen
from advlearn.settings.attack import (
    ApgdSettings,
    EvaluationSettings,
    FgsmSettings,
    PgdSettings,
    SquareSettings,
)
from advlearn.support.errors import BudgetViolation, UserError


@dataclass(frozen=True)
class SanityCheck:
    """One check.

    Attributes:
        check: what is checked.
        expected: what a sound evaluation shows, in words.
        value: what was measured.
        passed: whether the value is as expected.
    """

    check: str
    expected: str
    value: float
    passed: bool


def sanity_checks(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    settings: FgsmSettings | PgdSettings,
    seed: int,
    grid: Sequence[float] = (0.25, 0.5, 1.0, 2.0),
    batch_size: int | None = None,
) -> list[SanityCheck]:
    """Check one attack on one model; a few hundred images are enough.

    - ``zero_radius``: with epsilon = 0 the robust accuracy equals the clean accuracy.
    - ``monotone``: robust accuracy does not grow with epsilon. Each radius is attacked on its own,
      so a sound attack may still fail by an image or two; one percent is allowed.
    - ``inside_ball`` and ``inside_box``: the adversarial images of ``attack.run``, in the ball of
      the given radius round the image, and in [0, 1]. Of an attack whose settings let it leave one
      of them (``ball: iterate``, ``clip: false``) the value is measured and nothing is expected.
    - ``gradients_not_zero``: share of the correctly classified images whose input gradient is zero
      in every pixel, at the clean image. It is large where logits saturate: then a gradient attack
      stands still and its robust accuracy says nothing. At most ten percent pass.

    Args:
        model: network (n, ...) -> logits (n, k).
        images: clean images (n, ...), n >= 1.
        labels: int64 (n,).
        settings: the attack.
        seed: seed of the attack.
        grid: radii, as multiples of the attack's own.
        batch_size: images in one pass; by default by the device.

    Raises:
        UserError: no images, or a network whose logits or gradients are not finite: no check of
            its numbers could mean anything.
    """
    _check_some(images)

    def accuracy(multiple: float) -> tuple[float, float]:
        # The step follows the radius, else a small radius is attacked with steps across the ball.
        update: dict[str, float | None] = {"epsilon": settings.epsilon * multiple}
        if isinstance(settings, PgdSettings) and settings.step_size is not None:
            update["step_size"] = settings.step_size * multiple if multiple else None
        changed = settings.model_copy(update=update)
        found = robust_verdicts(model, images, labels, changed, seed, batch_size)
        return float(found.clean.double().mean()), float(found.robust.double().mean())

    clean, at_zero = accuracy(0.0)
    curve = [at_zero, *(accuracy(multiple)[1] for multiple in sorted(grid))]
    rise = max(after - before for before, after in pairwise(curve))
    checks = [
        SanityCheck(
            "zero_radius", f"clean accuracy {clean:.4f} at epsilon 0", at_zero, at_zero == clean
        ),
        SanityCheck(
            "monotone", "robust accuracy rises by at most 0.01 along epsilon", rise, rise <= 0.01
        ),
    ]

    budget = budgets.build(settings.norm, settings.epsilon)
    walks = isinstance(settings, PgdSettings) and settings.ball == "iterate"
    try:
        adversarial = attacks.build(settings).run(model, images, labels, seed)
        distance = float(budget.distance(images, adversarial).max())
        pixels = adversarial.aminmax()
        outside = max(budget.box.low - float(pixels.min), float(pixels.max) - budget.box.high, 0.0)
    except BudgetViolation:
        distance = outside = float("inf")
    bound = budget.epsilon + budget.rounding(images)
    checks += [
        SanityCheck(
            "inside_ball",
            "not expected of this attack (ball: iterate)"
            if walks
            else f"largest {settings.norm} distance at most {budget.epsilon:g}",
            distance,
            walks or distance <= bound,
        ),
        SanityCheck(
            "inside_box",
            "pixels outside the box by 0"
            if settings.clip
            else "not expected of this attack (clip: false)",
            outside,
            not settings.clip or outside == 0.0,
        ),
    ]

    share = _share_without_gradient(model, images, labels, settings, batch_size)
    checks.append(
        SanityCheck(
            "gradients_not_zero", "at most 0.1 of images without gradient", share, share <= 0.1
        )
    )
    return checks


def strength_checks(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    settings: FgsmSettings | PgdSettings | ApgdSettings,
    seed: int,
    queries: int = 1000,
    batch_size: int | None = None,
) -> list[SanityCheck]:
    """Compare one attack on one model with others of the same norm and radius.

    - ``iterative_not_weaker``: the robust accuracy of an iterative attack (the given one, or PGD
      where that is FGSM) is at most that of FGSM, whose one step is among those it could take.
    - ``white_box_not_weaker``: the robust accuracy of the given attack, which knows the gradient,
      is at most that of Square Attack, which does not.

    Either fails where gradients are masked (Athalye, Carlini and Wagner 2018, "Obfuscated
    gradients give a false sense of security", section 3.1), and where the attack is too weak. One
    percent is allowed, as in :func:`sanity_checks`.

    Args:
        model: network (n, ...) -> logits (n, k).
        images: clean images (n, channels, height, width), n >= 1; a few hundred are enough.
        labels: int64 (n,).
        settings: the attack.
        seed: seed of all attacks.
        queries: of Square Attack.
        batch_size: images in one pass; by default by the device.

    Raises:
        UserError: no images, or as for :func:`advlearn.attacks.robustness.robust_verdicts`.
    """
    _check_some(images)

    def accuracy(attack: EvaluationSettings) -> float:
        found = robust_verdicts(model, images, labels, attack, seed, batch_size)
        return float(found.robust.double().mean())

    norm, epsilon = settings.norm, settings.epsilon
    given = accuracy(settings)
    if isinstance(settings, FgsmSettings):
        one_step, iterative = given, accuracy(PgdSettings(norm=norm, epsilon=epsilon))
    else:
        one_step, iterative = accuracy(FgsmSettings(norm=norm, epsilon=epsilon)), given
    black_box = accuracy(SquareSettings(norm=norm, epsilon=epsilon, queries=queries))
    return [
        _not_weaker("iterative_not_weaker", iterative, f"FGSM's {one_step:.4f}", one_step),
        _not_weaker("white_box_not_weaker", given, f"Square Attack's {black_box:.4f}", black_box),
    ]


def _not_weaker(check: str, value: float, whose: str, other: float) -> SanityCheck:
    expected = f"robust accuracy at most 0.01 above {whose}"
    return SanityCheck(check, expected, value, value - other <= 0.01)


def _check_some(images: Tensor) -> None:
    if not len(images):
        raise UserError(
            "an evaluation is checked on at least one image",
            where=f"images of shape {tuple(images.shape)}",
            remedy="give a few hundred images",
        )


def _share_without_gradient(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    settings: FgsmSettings | PgdSettings,
    batch_size: int | None,
) -> float:
    name = settings.deviation if isinstance(settings, PgdSettings) else "cross_entropy"
    budget = budgets.build(settings.norm, settings.epsilon)
    problem = MaxEffectProblem(budget, deviations.build(name), model)
    still = []

    def look(part: slice) -> None:
        logits, gradient = problem.linearise(images[part], labels[part])
        attacked = logits.argmax(1) == labels[part]
        still.append((gradient[attacked] == 0).flatten(1).all(1))

    with frozen(model):
        size = images_at_once(model, images, on_cpu=ON_CPU, gradient=True, asked=batch_size)
        in_batches(len(images), size, look)
    found = torch.cat(still)
    return float(found.double().mean()) if len(found) else 0.0
