"""DeepFool: min effort by repeated projection on the nearest linearised decision boundary.

Moosavi-Dezfooli, Fawzi and Frossard (2016), "DeepFool: a simple and accurate method to fool deep
neural networks". With f_k = z_k - z_label and g_k its gradient, the boundary of class k is at
|f_k| / ||g_k||_* (dual norm) from the iterate; the step is to the nearest one, and the perturbation
as a whole is lengthened by ``overshoot`` before it is clipped to the box.

The algorithmic choices are those of Foolbox 3.3.4 (Rauber et al. 2020): the classes with the
largest clean logits are looked at, chosen once; 1e-4 is added to the distance and 1e-8 to norms; an
image stops at the first iterate that is misclassified. Different: an image that is not
misclassified after the last step stays clean, and one that is from the start is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from advlearn.attacks.jacobian import Pullback, logit, logits_with_pullback
from advlearn.attacks.min_effort import MinEffortAttack
from advlearn.metrics.logits import logits_of
from advlearn.problem.evasion import TOO_LARGE, MinEffortProblem
from advlearn.settings.attack import DeepFoolSettings
from advlearn.support.finite import check_finite

_BEYOND = 1e-4
_SMALLEST = 1e-8


def build(settings: DeepFoolSettings) -> DeepFool:
    """The attack of these settings."""
    return DeepFool(
        norm=settings.norm,
        steps=settings.steps,
        candidates=settings.candidates,
        overshoot=settings.overshoot,
    )


@dataclass(frozen=True)
class DeepFool(MinEffortAttack):
    """See the module.

    Args:
        norm: l2 or linf.
        batch_size: images in one pass; None: by the device.
        steps: most linearisations.
        candidates: classes that are looked at, the label included, at least 2.
        overshoot: share by which the perturbation is lengthened.
    """

    steps: int = 50
    candidates: int = 10
    overshoot: float = 0.02

    def _attack(
        self, problem: MinEffortProblem[Tensor], clean: Tensor, labels: Tensor, logits: Tensor
    ) -> tuple[Tensor, Tensor]:
        others = logits.argsort(1, descending=True)[:, 1 : self.candidates]
        image, total = clean.clone(), torch.zeros_like(clean)
        reached = torch.zeros_like(labels, dtype=torch.bool)
        rows = torch.arange(len(clean), device=clean.device)
        for _ in range(self.steps):
            now, pull = logits_with_pullback(problem.learner, image[rows])
            hit = problem.reached(now, labels[rows])
            reached[rows[hit]] = True
            if hit.all():
                return image, reached
            step = self._step(now, pull, labels[rows], others[rows])
            left = (~hit).nonzero().squeeze(1)
            rows = rows[left]
            total[rows] += step[left].view_as(image[rows])
            image[rows] = (clean[rows] + (1 + self.overshoot) * total[rows]).clamp_(0, 1)
        logits = logits_of(problem.learner, image[rows])
        reached[rows] = problem.reached(logits, labels[rows])
        return image, reached

    def _step(self, logits: Tensor, pull: Pullback, labels: Tensor, others: Tensor) -> Tensor:
        """To the nearest boundary of the classes ``others`` (m, j), as linearised: (m, d)."""
        nearest = torch.full_like(logits[:, 0], torch.inf)
        step = logits.new_zeros(0)
        for other in others.unbind(1):
            lead = _lead(other, labels)
            gradient = pull(lead)
            if self.norm == "l2":
                length = torch.linalg.vector_norm(gradient, dim=1) + _SMALLEST
                check_finite(length, "lengths of the network's input gradients", remedy=TOO_LARGE)
                distance, direction = lead(logits).abs() / length, gradient / length[:, None]
            else:
                length = gradient.abs().sum(1) + _SMALLEST
                check_finite(length, "lengths of the network's input gradients", remedy=TOO_LARGE)
                distance = lead(logits).abs() / length
                direction = gradient.sign()
            ahead = direction * (distance + _BEYOND)[:, None]
            nearer = distance < nearest
            step = torch.where(nearer[:, None], ahead, step) if len(step) else ahead
            nearest = torch.where(nearer, distance, nearest)
        return step


def _lead(other: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """``logits (m, k) -> (m,)``: by how much the class ``other`` leads the label."""
    above, below = logit(other), logit(labels)
    return lambda logits: above(logits) - below(logits)
