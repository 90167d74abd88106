"""Which images many networks side by side classify correctly under a strong attack.

APGD, FAB and Square Attack are hundreds of steps of hundreds of images: against one small network
after the other a GPU waits for the launch of each. Here all networks are attacked as one, each on
images of its own; a network has as many rows of a batch as all others, and rows whose image is
decided stand still until all networks have fewer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from advlearn import attacks
from advlearn.attacks.ascent import check_inputs
from advlearn.attacks.best_point import BestPointAttack, Run, steps_of
from advlearn.attacks.robustness import robust_verdicts
from advlearn.attacks.stacked import width
from advlearn.attacks.stacked_robustness import stacked_verdicts
from advlearn.learners.batches import in_batches
from advlearn.learners.networks.stack import FlatStack, Stack
from advlearn.metrics.logits import check_classes, logits_of
from advlearn.problem.evasion import frozen
from advlearn.settings.attack import EvaluationSettings, FgsmSettings, PgdSettings
from advlearn.support.finite import deferred, look_every


def stacked_robust(
    stack: Stack,
    images: Tensor,
    labels: Tensor,
    settings: EvaluationSettings,
    seed: int,
    clean: Tensor,
    batch_size: int | None = None,
) -> Tensor:
    """Attack every image that a member does not yet misclassify.

    Args:
        stack: the networks, on the device of the images.
        images: clean images (n, ...) in the box, the same for all members.
        labels: int64 (n,).
        settings: the attack, the same for all members.
        seed: decides all that is random, as in
            :func:`advlearn.attacks.robustness.robust_verdicts`.
        clean: bool (m, n), which images each member classifies correctly.
        batch_size: images of each member in one pass; by default by the device.

    Returns:
        Bool (m, n): the verdicts of ``robust_verdicts`` for each member but for rounding.

    Raises:
        UserError: as ``robust_verdicts``.
        BudgetViolation: an adversarial image is outside ball or box (a defect).
    """
    if isinstance(settings, FgsmSettings | PgdSettings):
        each = [settings] * len(stack)
        found = stacked_verdicts(stack, images, labels, each, seed, batch_size, clean)
        return torch.stack([verdicts.robust for verdicts in found])
    attack = attacks.build(settings)
    assert isinstance(attack, BestPointAttack)
    check_inputs(attack.budget, images, labels)
    size = width(stack, images, gradient=attack.uses_gradient, asked=batch_size)
    network = FlatStack(stack)
    with frozen(network):
        robust = _survivors(attack, network, images, labels, seed, clean, size)
    if robust is not None:
        return robust
    # What is not finite is left to the networks one after the other, whose error names the images.
    alone = (stack.network(i) for i in range(len(stack)))
    return torch.stack(
        [
            robust_verdicts(one, images, labels, settings, seed, clean=right).robust
            for one, right in zip(alone, clean, strict=True)
        ]
    )


def _survivors(
    attack: BestPointAttack,
    network: FlatStack,
    images: Tensor,
    labels: Tensor,
    seed: int,
    clean: Tensor,
    size: int,
) -> Tensor | None:
    """Bool (m, n); None where a check did not hold."""
    robust, (m, n) = clean.clone(), clean.shape
    if not n:
        return robust
    with deferred():
        logits = logits_of(network, images[:1].expand(m, *images.shape[1:]))
    check_classes(labels, logits.shape[1])
    members = torch.arange(m, device=images.device)[:, None]
    every, sound = look_every(images.device), True
    for number in range(attack.runs(logits.shape[1])):
        left = int(robust.sum(1).max())
        # Of each member the images that are left, in their order, and then some that are not.
        order = (~robust).to(torch.uint8).argsort(dim=1, stable=True)[:, :left]
        starts = attack.starts(images, seed, number)
        run = Run(network, number, attack.plan(images, seed, number))

        def pursue(
            part: slice, run: Run = run, order: Tensor = order, starts: Tensor = starts
        ) -> None:
            nonlocal sound
            places = order[:, part]
            rows = places.flatten()
            own, decided = images[rows], ~robust[members, places]
            found = steps_of(attack, run, own, labels[rows], starts[rows], every, decided)
            sound = sound and found is not None
            if found is not None:
                attack.budget.check(own, found[0]["best"])
                robust[members, places] = ~found[0]["fooled"].view(m, -1)

        if left:
            in_batches(left, size, pursue)
        if not sound:
            return None
    return robust
