"""Carlini and Wagner's L2 attack: min effort by a penalty and a search for its constant.

Carlini and Wagner (2017), "Towards evaluating the robustness of neural networks", section VI.A. For
a constant c the attack minimises

    ||x(w) - x||^2 + c max(0, z_label - max_other z + confidence),     x(w) = (1 + tanh w) / 2

by Adam from w = artanh(2 x - 1), so that pixels stay in [0, 1]. c is searched for each image: ten
times larger until something is found, then halfway between what failed and what did not. The
nearest image of all steps that is misclassified (by ``confidence``, where that is above 0) is kept.

The algorithmic choices are those of Foolbox 3.3.4 (Rauber et al. 2020) and of the authors' code:
artanh of 0.999999 (2 x - 1); the squared length is counted from the image that comes back from
there, the reported distance from the clean image; Adam with 0.9, 0.999 and 1e-8 is restarted for
each c; an image is judged before its step, so that the last step is not looked at; with ten
constants or more, the last one is the smallest that succeeded, once more. Different from Foolbox:
an image that is misclassified already stays as it is, one for which nothing is found stays clean,
and ``abort_early`` looks at each image's own loss instead of the sum over the batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from advlearn.attacks.min_effort import MinEffortAttack, broadcast_like, hinge
from advlearn.attacks.min_effort import misclassified as other_class
from advlearn.problem.evasion import TOO_LARGE, MinEffortProblem
from advlearn.settings.attack import CwSettings
from advlearn.support.finite import check_finite

_BELOW_ONE = 0.999999
_FIRST_MOMENT, _SECOND_MOMENT, _SMALLEST = 0.9, 0.999, 1e-8
_PROGRESS = 0.9999
_LARGEST_CONST = 1e10


def build(settings: CwSettings) -> CarliniWagner:
    """The attack of these settings."""
    return CarliniWagner(
        steps=settings.steps,
        step_size=settings.step_size,
        confidence=settings.confidence,
        initial_const=settings.initial_const,
        searches=settings.binary_search_steps,
        abort_early=settings.abort_early,
    )


@dataclass(frozen=True)
class CarliniWagner(MinEffortAttack):
    """See the module; the arguments are those of :class:`CwSettings`, ``searches`` the constants.

    Args:
        norm: l2.
        batch_size: images in one pass; None: by the device.
        steps: Adam steps for each constant.
        step_size: learning rate.
        confidence: lead of the other logit.
        initial_const: first constant.
        searches: constants for each image.
        abort_early: end the steps of images without progress.
    """

    steps: int = 1000
    step_size: float = 0.01
    confidence: float = 0.0
    initial_const: float = 1e-3
    searches: int = 9
    abort_early: bool = True

    def problem(self, model: torch.nn.Module) -> MinEffortProblem[Tensor]:
        """Enough is a lead of ``confidence``; what is climbed is the negative hinge on it."""

        def reached(logits: Tensor, labels: Tensor) -> Tensor:
            raised = logits.scatter_add(
                1, labels[:, None], torch.full_like(logits[:, :1], self.confidence)
            )
            return other_class(raised, labels)

        def climbed(logits: Tensor, labels: Tensor) -> Tensor:
            return hinge(logits, labels, self.confidence)

        return MinEffortProblem(super().problem(model).distance, reached, climbed, model)

    def _attack(
        self, problem: MinEffortProblem[Tensor], clean: Tensor, labels: Tensor, logits: Tensor
    ) -> tuple[Tensor, Tensor]:
        nearest = clean.clone()
        length = torch.full_like(logits[:, 0], torch.inf)
        # In float64, as constants are halved and multiplied up to a hundred times.
        const = torch.full_like(length, self.initial_const, dtype=torch.float64)
        failed, enough = torch.zeros_like(const), torch.full_like(const, torch.inf)
        for search in range(self.searches):
            if search == self.searches - 1 and self.searches >= 10:
                const = enough.clamp(max=_LARGEST_CONST)
            found = self._descend(problem, clean, labels, const.to(clean.dtype), nearest, length)
            enough = torch.where(found, const, enough)
            failed = torch.where(found, failed, const)
            const = torch.where(enough.isinf(), const * 10, (failed + enough) / 2)
        return nearest, length.isfinite()

    def _descend(
        self,
        problem: MinEffortProblem[Tensor],
        clean: Tensor,
        labels: Tensor,
        const: Tensor,
        nearest: Tensor,
        length: Tensor,
    ) -> Tensor:
        """Minimise for these constants; improves ``nearest`` and ``length``; who had a success."""
        every = math.ceil(self.steps / 10)
        start = torch.atanh((2 * clean - 1) * _BELOW_ONE)
        centre = _pixels(start)
        # Rows of the state are the images that still make steps; `rows` are their positions.
        rows = torch.arange(len(clean), device=clean.device)
        change, first, second = (torch.zeros_like(clean) for _ in range(3))
        before = torch.full_like(length, torch.inf)
        found = torch.zeros_like(labels, dtype=torch.bool)
        for step in range(self.steps):
            image = _pixels(start + change)
            logits, ascent = problem.linearise(image, labels[rows])
            shift = image - centre
            if self.abort_early and step % every == 0:
                penalty = const * -problem.deviation(logits, labels[rows])
                loss = shift.flatten(1).square().sum(1) + penalty
                alive = (loss <= _PROGRESS * before).nonzero().squeeze(1)
                if len(alive) == 0:
                    break
                rows, before, const = rows[alive], loss[alive], const[alive]
                start, centre, image, shift = (
                    start[alive],
                    centre[alive],
                    image[alive],
                    shift[alive],
                )
                change, first, second = change[alive], first[alive], second[alive]
                logits, ascent = logits[alive], ascent[alive]
            hit = problem.reached(logits, labels[rows])
            found[rows] |= hit
            size = torch.linalg.vector_norm((image - clean[rows]).flatten(1), dim=1)
            better = hit & (size < length[rows])
            # Not by rows that are better: how many there are, a GPU would have to be asked.
            nearest[rows] = torch.where(broadcast_like(better, image), image, nearest[rows])
            length[rows] = torch.where(better, size, length[rows])
            slope = 2 * image * (1 - image)
            gradient = (2 * shift - broadcast_like(const, ascent) * ascent) * slope
            first.mul_(_FIRST_MOMENT).add_(gradient, alpha=1 - _FIRST_MOMENT)
            second.mul_(_SECOND_MOMENT).addcmul_(gradient, gradient, value=1 - _SECOND_MOMENT)
            check_finite(second, "squares of the network's input gradients", remedy=TOO_LARGE)
            mean = first / (1 - _FIRST_MOMENT ** (step + 1))
            spread = (second / (1 - _SECOND_MOMENT ** (step + 1))).sqrt_().add_(_SMALLEST)
            change.addcdiv_(mean, spread, value=-self.step_size)
        return found


def _pixels(variable: Tensor) -> Tensor:
    """x(w) in [0, 1]."""
    return variable.tanh().div_(2).add_(0.5)
