"""The bilevel problem against a trained network whose parameters are frozen: evasion.

The lower level is trivial, so that D is a function of the perturbed images alone and has a
gradient. The two forms are those of :mod:`advlearn.problem.bilevel`, for many images at a time,
each with a problem of its own: FGSM and PGD solve M1; T_kMIA, the attacks it is compared with,
Carlini and Wagner's and DeepFool solve M2. ``of_image`` of either form is the general problem of
one image, with the same effects. What stays different, and why:

- D compares with a label or a goal that is handed in with each batch, not with the clean result;
- "enough" (:class:`MinEffortProblem`) is a question about the ranking of the logits, which has no
  gradient, so that M2 is solved by climbing a D that stands in for it: it has both;
- ``projected`` (study 2) solves M1 for a growing list of budgets; that it also holds other labels
  where they are is a constraint which neither form has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from advlearn.budgets import Box, Budget
from advlearn.budgets.points import Array, Frobenius, LInf, PointBudget
from advlearn.deviations import Deviation
from advlearn.metrics.logits import check_classes, check_logits, logits_of
from advlearn.problem.bilevel import BilevelProblem
from advlearn.support.errors import UserError, unknown_name
from advlearn.support.finite import check_finite

_GRADIENT = (
    "a gradient attack says nothing about these images: look for a root, a norm or a division at 0"
    " in the network and keep it away from 0, for example (x + 1e-12).sqrt()"
)
TOO_LARGE = "scale the network's logits down: the numbers do not fit into its floating type"
_DEVIATION = "choose another deviation, or a network with smaller logits"

AnyGoal = TypeVar("AnyGoal")
"""What the attacker wants, in a form that the deviation and the test of success understand."""


class EvasionProblem(Generic[AnyGoal]):
    """What both forms share: a deviation with a gradient, and a learner that does not answer.

    Attributes:
        deviation: (logits, goal) -> (n,), what is climbed.
        learner: network (n, ...) -> logits (n, k) that treats each image on its own in
            evaluation mode.
    """

    deviation: Callable[[Tensor, AnyGoal], Tensor]
    learner: nn.Module

    def linearise(self, candidate: Tensor, goal: AnyGoal) -> tuple[Tensor, Tensor]:
        """Logits (n, k) at ``candidate`` and the gradient of the deviation there (n, ...).

        One forward and one backward pass, and no gradient reaches the parameters. The logits come
        with it because whoever takes a step usually also wants to know the prediction.

        Raises:
            UserError: logits of a wrong shape, a label outside the classes, a network without a
                gradient, or logits, deviations or gradients that are not finite.
        """

        def climbed(logits: Tensor) -> Tensor:
            if isinstance(goal, Tensor):
                check_classes(goal, logits.shape[1])
            deviations = self.deviation(logits, goal)
            check_finite(deviations.detach(), "the deviations", remedy=_DEVIATION)
            return deviations

        return _linearise(self.learner, climbed, candidate)

    def _of_image(
        self,
        clean: Tensor,
        goal: AnyGoal,
        budget: PointBudget,
        box: Box,
        effect: Callable[[Tensor, AnyGoal], Tensor],
    ) -> BilevelProblem[Any]:
        def logits(data: Array) -> Tensor:
            image = torch.from_numpy(data).to(clean.device, clean.dtype)
            with frozen(self.learner):
                return logits_of(self.learner, image)

        def boxed(data: Array, perturbation: Array) -> Array:
            return np.clip(data + perturbation, box.low, box.high)

        if len(clean) != 1:
            raise UserError(
                "a general bilevel problem is that of one image",
                where=f"a batch of {len(clean)} images",
                remedy="hand in images[i : i + 1] and the goal of that image",
            )
        return BilevelProblem(
            data=clean.detach().cpu().numpy(),
            budget=budget,
            deviation=lambda reference, found: float(effect(found, reference)),
            learner=logits,
            reference=goal,
            perturb=boxed,
        )


@dataclass(frozen=True)
class MaxEffectProblem(EvasionProblem[Tensor]):
    """Make ``deviation`` as large as possible inside ``budget`` while ``learner`` stays frozen.

    Args:
        budget: where the perturbed images may lie.
        deviation: (logits, labels) -> (n,), to be maximised for each image on its own.
        learner: network (n, ...) -> logits (n, k) that treats each image on its own in
            evaluation mode.
    """

    budget: Budget
    deviation: Deviation
    learner: nn.Module

    def of_image(self, clean: Tensor, label: Tensor) -> BilevelProblem[Any]:
        """The general problem of one image: its effects are the deviations of this one.

        The budget concerns E, and the box is where A + E is clipped to.

        Args:
            clean: (1, ...).
            label: int64 (1,).

        Raises:
            UserError: several images, or a budget that is neither of the known balls.
        """
        kinds: dict[str, type[PointBudget]] = {"linf": LInf, "l2": Frobenius}
        if self.budget.norm not in kinds:
            raise unknown_name("norm", self.budget.norm, list(kinds), where="the budget")
        budget = kinds[self.budget.norm](self.budget.epsilon)
        return self._of_image(clean, label, budget, self.budget.box, self.deviation)


@dataclass(frozen=True)
class MinEffortProblem(EvasionProblem[AnyGoal]):
    """Make the perturbation as short as possible such that it is enough; ``learner`` is frozen.

    Args:
        distance: (clean, candidate) -> (n,), the norm of the perturbation, to be minimised.
        reached: (logits, goal) -> bool (n,), whether the effect is enough, image by image.
        deviation: (logits, goal) -> (n,), what is climbed on the way there.
        learner: network (n, ...) -> logits (n, k) that treats each image on its own in
            evaluation mode.
    """

    distance: Callable[[Tensor, Tensor], Tensor]
    reached: Callable[[Tensor, AnyGoal], Tensor]
    deviation: Callable[[Tensor, AnyGoal], Tensor]
    learner: nn.Module

    def of_image(
        self, clean: Tensor, goal: AnyGoal, budget: PointBudget, box: Box | None = None
    ) -> BilevelProblem[Any]:
        """The general problem of one image: its effect is 1 where ``reached``, else 0; nu is 1.

        Args:
            clean: (1, ...).
            goal: of that image.
            budget: its size is what ``distance`` measures, its radius the largest that counts.
            box: of the pixels; by default [0, 1].

        Raises:
            UserError: several images.
        """
        return self._of_image(
            clean, goal, budget, box or Box(), lambda logits, own: self.reached(logits, own).float()
        )


def _linearise(
    learner: nn.Module, deviation: Callable[[Tensor], Tensor], candidate: Tensor
) -> tuple[Tensor, Tensor]:
    # The strides must survive: a channels_last batch is a third faster through a CNN.
    point = candidate.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = learner(point)
        check_logits(logits.detach(), len(point))
        # Images do not interact, so the gradient of the sum holds each image's own gradient.
        gradient = input_gradient(deviation(logits).sum(), point)
    return logits.detach(), gradient


def input_gradient(value: Tensor, point: Tensor, *, keep: bool = False) -> Tensor:
    """Derivative of ``value`` by ``point`` (n, ...), which autograd owns: not to be written into.

    It may be an expanded tensor, several places of which share one number.

    Args:
        value: one number, made of what a network returned for ``point``.
        point: images of which a gradient is wanted.
        keep: keep what further gradients of the same pass need.

    Raises:
        UserError: the network has cut the way back to its input.
        NotFiniteError: the gradient is not finite. A gradient that is zero is one.
    """
    if not value.requires_grad:
        raise UserError(
            "the network has no gradient with respect to its input",
            where="gradient attack",
            remedy="leave out detach(), no_grad() and numpy in the network's forward pass",
        )
    (gradient,) = torch.autograd.grad(value, point, retain_graph=keep)
    check_finite(gradient, "the network's input gradients", remedy=_GRADIENT)
    return gradient


@contextmanager
def frozen(learner: nn.Module) -> Iterator[nn.Module]:
    """Within the block ``learner`` is in evaluation mode and its parameters need no gradient.

    Afterwards each submodule's mode and each parameter's ``requires_grad`` is what it was.
    """
    modes = [(module, module.training) for module in learner.modules()]
    needs = [(parameter, parameter.requires_grad) for parameter in learner.parameters()]
    try:
        learner.eval()
        for parameter, _ in needs:
            parameter.requires_grad_(False)
        yield learner
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, need in needs:
            parameter.requires_grad_(need)
