"""The bilevel problem against a trained network whose parameters are frozen: evasion.

The lower level is trivial, so that D is a function of the perturbed images alone and has a
gradient. The two forms are those of :mod:`advlearn.problem.bilevel`, for many images at a time,
each with a problem of its own: FGSM and PGD solve M1; T_kMIA, the attacks it is compared with,
Carlini and Wagner's and DeepFool solve M2. What stays different from the general problem, and why:

- D compares with a label or an aim that is handed in with each batch, not with the clean result;
- "enough" (:class:`MinEffortProblem`) is a question about the ranking of the logits, which has no
  gradient, so that M2 is solved by climbing a D that stands in for it: it has both;
- ``projected`` (study 2) solves M1 for a growing list of budgets; that it also holds other labels
  where they are is a constraint which neither form has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from advlearn.budgets import Budget
from advlearn.deviations import Deviation

Aim = TypeVar("Aim")
"""What an attacker of several labels wants: whatever his deviation and his test understand."""


@dataclass(frozen=True)
class MaxEffectProblem:
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

    def linearise(self, candidate: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n, k) at ``candidate`` and the gradient of the deviation there (n, ...).

        One forward and one backward pass, and no gradient reaches the parameters. The logits come
        with it because whoever takes a step usually also wants to know the prediction.
        """
        return _linearise(self.learner, lambda logits: self.deviation(logits, labels), candidate)


@dataclass(frozen=True)
class MinEffortProblem(Generic[Aim]):
    """Make the perturbation as short as possible such that it is enough; ``learner`` is frozen.

    Args:
        distance: (clean, candidate) -> (n,), the norm of the perturbation, to be minimised.
        reached: (logits, aim) -> bool (n,), whether the effect is enough, image by image.
        deviation: (logits, aim) -> (n,), what is climbed on the way there.
        learner: network (n, ...) -> logits (n, k) that treats each image on its own in
            evaluation mode.
    """

    distance: Callable[[Tensor, Tensor], Tensor]
    reached: Callable[[Tensor, Aim], Tensor]
    deviation: Callable[[Tensor, Aim], Tensor]
    learner: nn.Module

    def linearise(self, candidate: Tensor, aim: Aim) -> tuple[Tensor, Tensor]:
        """Logits (n, k) at ``candidate`` and the gradient of the deviation there (n, ...)."""
        return _linearise(self.learner, lambda logits: self.deviation(logits, aim), candidate)


def _linearise(
    learner: nn.Module, deviation: Callable[[Tensor], Tensor], candidate: Tensor
) -> tuple[Tensor, Tensor]:
    # The strides must survive: a channels_last batch is a third faster through a CNN.
    point = candidate.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = learner(point)
        # Images do not interact, so the gradient of the sum holds each image's own gradient.
        (gradient,) = torch.autograd.grad(deviation(logits).sum(), point)
    return logits.detach(), gradient


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
