"""Min effort against a frozen classifier: what Carlini and Wagner's attack and DeepFool share.

Every image has a problem of its own, so that a batch is only a matter of speed: an image that is
decided leaves it, and no answer depends on the company of an image.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advlearn.attacks.ascent import check_inputs
from advlearn.budgets import L2Ball, LinfBall
from advlearn.deviations import margin, negative_margin
from advlearn.learners.batches import images_at_once, in_batches
from advlearn.metrics.logits import check_classes, logits_of
from advlearn.problem.evasion import MinEffortProblem, frozen
from advlearn.support.finite import deferred, look_every

_NORMS = {"l2": L2Ball(1.0), "linf": LinfBall(1.0)}
_ON_CPU = 250


@dataclass(frozen=True)
class MinEffortOutcome:
    """The shortest perturbations that were found for n images.

    Attributes:
        adversarial: (n, ...); the clean image where none was found, and where it is misclassified
            already.
        reached: bool (n,), whether the image in ``adversarial`` is misclassified.
        distance: float64 (n,), its distance from the clean image; infinite where not reached.
    """

    adversarial: Tensor
    reached: Tensor
    distance: Tensor


@dataclass(frozen=True)
class MinEffortAttack(ABC):
    """Looks for the shortest perturbation that changes the prediction.

    Args:
        norm: l2 or linf.
        batch_size: images in one pass; None: by the device. It changes nothing but speed.
    """

    norm: str = "l2"
    batch_size: int | None = None

    def problem(self, model: nn.Module) -> MinEffortProblem[Tensor]:
        """Enough is a prediction other than the label; what is climbed is the negative margin."""
        return MinEffortProblem(_NORMS[self.norm].distance, misclassified, negative_margin, model)

    def run(self, model: nn.Module, images: Tensor, labels: Tensor, seed: int) -> Tensor:
        """The images of :meth:`solve`; nothing is random, ``seed`` is there for all attacks alike.

        Raises:
            UserError: as :meth:`solve`.
        """
        return self.solve(model, images, labels).adversarial

    def solve(self, model: nn.Module, images: Tensor, labels: Tensor) -> MinEffortOutcome:
        """Attack every image that is classified correctly.

        During the attack the model is in evaluation mode, and afterwards as it was before; the
        gradients of its parameters are not touched.

        Args:
            model: network (n, ...) -> logits (n, k), on the device of the images.
            images: clean images (n, ...) of a floating dtype in [0, 1].
            labels: int64 (n,).

        Raises:
            UserError: images outside [0, 1] or not finite, labels that do not fit, a network whose
                logits or gradients are not finite, or one image does not fit into the device's
                memory.
        """
        check_inputs(_NORMS[self.norm], images, labels)
        problem = self.problem(model)
        adversarial = images.clone()
        reached = torch.zeros(len(images), dtype=torch.bool, device=images.device)

        def solve(part: slice) -> None:
            clean, label = images[part], labels[part]
            logits = logits_of(model, clean)
            check_classes(label, logits.shape[1])
            found = problem.reached(logits, label).clone()
            left = (~found).nonzero().squeeze(1)
            if len(left):
                nearest, hit = self._checked(problem, clean[left], label[left], logits[left])
                adversarial[part][left[hit]] = nearest[hit]
                found[left] = hit
            reached[part] = found

        with frozen(model):
            size = images_at_once(
                model, images, on_cpu=_ON_CPU, gradient=True, asked=self.batch_size
            )
            in_batches(len(images), size, solve)
        distance = problem.distance(images, adversarial).masked_fill(~reached, torch.inf)
        return MinEffortOutcome(adversarial, reached, distance)

    def _checked(
        self, problem: MinEffortProblem[Tensor], clean: Tensor, labels: Tensor, logits: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As :meth:`_attack`; on a GPU numbers are looked at once, at the end."""
        if look_every(clean.device) > 1:
            with deferred() as checks:
                found = self._attack(problem, clean, labels, logits)
            if checks.hold():
                return found
        return self._attack(problem, clean, labels, logits)

    @abstractmethod
    def _attack(
        self, problem: MinEffortProblem[Tensor], clean: Tensor, labels: Tensor, logits: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Images like ``clean`` (m, ...), all classified correctly, and which of them are enough.

        Args:
            problem: what to solve.
            clean: (m, ...), m >= 1.
            labels: int64 (m,).
            logits: of ``clean`` (m, k).
        """


def misclassified(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether the prediction is another class than the label, bool (n,)."""
    return logits.argmax(1) != labels


def hinge(logits: Tensor, labels: Tensor, confidence: float) -> Tensor:
    """Minus Carlini and Wagner's f_6, (n,): 0 once another logit leads by ``confidence``."""
    return -(margin(logits, labels) + confidence).relu()


def broadcast_like(values: Tensor, like: Tensor) -> Tensor:
    """One number an image, (n,), shaped to multiply ``like`` (n, ...)."""
    return values.reshape(-1, *([1] * (like.ndim - 1)))
