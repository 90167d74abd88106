"""kFool: straight to the nearest boundary of the top relevant label, as linearised (baseline).

Let m be the relevant label with the largest clean logit and p_1, p_2, ... the labels in the order
of the logits now. With ``d_j = grad f_{p_j} - grad f_m`` over the k + 1 first, m left out,

    w = sum_j d_j / |d_j|,   F = sum_j (f_{p_j} - f_m) / |d_j|,   step = |F| w / |w|.

It has no step size and does not look at S: only its success does. Source: Section 3.2 of the
method's description; the idea is that of Tursynbek et al., "Geometry-inspired top-k adversarial
perturbations". Under ``tanh_raw`` the step along the gradient by the network's input in [-1, 1] is
made on the variable before the tanh, as the authors' code has it; under ``arctanh`` the gradient
is that by the variable itself, and the variable stays in its range. It always stops at its first
success.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advlearn.attacks.jacobian import logit, logits_with_pullback
from advlearn.attacks.topk.slots import State
from advlearn.attacks.topk.targets import Goal
from advlearn.attacks.topk.variable import TanhVariable
from advlearn.metrics.ranking import ranking, top_k_mask
from advlearn.problem.evasion import TOO_LARGE
from advlearn.support.finite import check_finite

_SMALLEST = 1e-12


@dataclass(frozen=True)
class KFool:
    """See the module.

    Args:
        learner: frozen network.
        variable: change of variables.
    """

    learner: nn.Module
    variable: TanhVariable

    def start(self, variable: Tensor) -> State:
        """The variable, and no anchor yet."""
        anchor = torch.zeros(len(variable), dtype=torch.int64, device=variable.device)
        return {"variable": variable.clone(), "anchor": anchor}

    def image(self, state: State) -> Tensor:
        """Pixels of the variable."""
        return self.variable.pixels(state["variable"])

    def advance(self, state: State, image: Tensor, goal: Goal) -> Tensor:
        """One step, by k + 1 or k + 2 backward passes."""
        logits, pull = logits_with_pullback(self.learner, image)
        best = logits.masked_fill(~goal.targets.relevant, -torch.inf).argmax(1)
        anchor = torch.where(state["step"] == 0, best, state["anchor"])
        state["anchor"].copy_(anchor)
        first = ranking(logits)[:, : goal.targets.k + 1]
        slope = self.variable.slope(image).flatten(1)

        def gradient(label: Tensor) -> Tensor:
            by_pixel = pull(logit(label))
            if self.variable.clean_map == "tanh_raw":
                return by_pixel / 2
            return by_pixel * slope

        own = gradient(anchor)
        direction = torch.zeros_like(own)
        reach = torch.zeros_like(logits[:, 0])
        for label in first.unbind(1):
            difference = gradient(label) - own
            length = torch.linalg.vector_norm(difference, dim=1)
            check_finite(length, "lengths of the network's input gradients", remedy=TOO_LARGE)
            apart = (label != anchor) & (length > _SMALLEST)
            share = torch.where(apart, 1 / length.clamp(min=_SMALLEST), 0.0)
            direction += difference * share[:, None]
            reach += (logit(label)(logits) - logit(anchor)(logits)) * share
        size = reach.abs() / torch.linalg.vector_norm(direction, dim=1).clamp(min=_SMALLEST)
        moved = state["variable"] + (direction * size[:, None]).view_as(image)
        if self.variable.limit is not None:
            moved.clamp_(-self.variable.limit, self.variable.limit)
        state["variable"].copy_(moved)
        return logits

    def exhausted(self, state: State, logits: Tensor, goal: Goal) -> Tensor:
        """At the first success, and where no relevant label is left in the top k."""
        left = goal.targets.relevant & top_k_mask(logits, goal.targets.k)
        return state["found"] | ~left.any(1)
