"""kFool: straight to the nearest boundary of the top relevant label, as linearised (baseline).

Let m be the relevant label with the largest clean logit and p_1, p_2, ... the labels in the order
of the logits now. With ``d_j = grad f_{p_j} - grad f_m`` over the k + 1 first, m left out,

    w = sum_j d_j / |d_j|,   F = sum_j (f_{p_j} - f_m) / |d_j|,   step = |F| w / |w|.

It does not look at S: only its success does, and where S_Y is not all that stands above the others,
the steps go on past the boundary of m without end. ``aimed`` (ours, method ``kfool_s``) is the fair
form: at each step m is the label of S_Y with the largest logit, and p_1 ... p_k are the first k
labels outside S_Y, which are to be above it. Source: Section 3.2 of the method's description; the
idea is that of Tursynbek et al., "Geometry-inspired top-k adversarial perturbations". Under
``tanh_raw`` the step along the gradient by the network's input in [-1, 1] is made on the variable
before the tanh, as the authors' code has it; under ``arctanh`` the gradient is that by the variable
itself, and the variable stays in its range.

Three things are not in the authors' code, and their preset is without them:

- the terms of F can be large where a gradient is small, and of both signs: a step can be made at
  most ``largest_step`` long;
- the steps converge to the boundary from the side of failure, so that rounding decides whether it
  is crossed: the sum of the steps is lengthened by ``overshoot``, as in DeepFool;
- where the nearest success is wanted, the segment from the clean image to the first success is
  bisected, and the nearest success on the way is kept.

At k = 1 with one relevant label and two labels in all, this is DeepFool (Moosavi-Dezfooli et al.
2016) in the variable before the tanh.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advlearn.attacks.jacobian import logit, logits_with_pullback
from advlearn.attacks.topk.slots import State
from advlearn.attacks.topk.targets import Goal, TopkTargets, reached
from advlearn.attacks.topk.variable import TanhVariable
from advlearn.metrics.ranking import ranking, top_k_mask
from advlearn.problem.evasion import TOO_LARGE
from advlearn.support.finite import check_finite

_SMALLEST = 1e-12
_SHORTEST = 2.0**-10
"""Share of the segment to the first success at which the bisection ends."""


@dataclass(frozen=True)
class KFool:
    """See the module.

    Args:
        learner: frozen network.
        variable: change of variables.
        largest_step: longest step, a Euclidean length before the tanh; None: any.
        overshoot: share by which the sum of the steps is lengthened.
        shorten: bisect after the first success.
        aimed: at S_Y, instead of the top relevant label.
    """

    learner: nn.Module
    variable: TanhVariable
    largest_step: float | None
    overshoot: float
    shorten: bool
    aimed: bool

    def start(self, variable: Tensor, clean: Tensor) -> State:
        """The variable, no steps, no anchor, and no success to bisect from."""
        m = len(variable)
        return {
            "start": variable,
            "total": torch.zeros_like(variable),
            "anchor": torch.zeros(m, dtype=torch.int64, device=variable.device),
            "bisects": torch.zeros(m, dtype=torch.bool, device=variable.device),
            "share": torch.ones(m, dtype=variable.dtype, device=variable.device),
            "failing": torch.zeros(m, dtype=variable.dtype, device=variable.device),
            "succeeding": torch.ones(m, dtype=variable.dtype, device=variable.device),
        }

    def image(self, state: State) -> Tensor:
        """Pixels of the variable."""
        return self.variable.pixels(state["start"] + self._change(state))

    def advance(self, state: State, image: Tensor, goal: Goal) -> Tensor:
        """One step, by k + 1 or k + 2 backward passes."""
        logits, step = self._linearise(state, image, goal)
        if self.shorten:
            hit = reached(logits, goal)
            state["bisects"] |= hit
            share, bisects = state["share"].clone(), state["bisects"]
            for name, side in (("succeeding", hit), ("failing", ~hit)):
                state[name].copy_(torch.where(bisects & side, share, state[name]))
            middle = (state["succeeding"] + state["failing"]) / 2
            state["share"].copy_(torch.where(bisects, middle, share))
            step = torch.where(_wide(bisects, step), 0.0, step)
        total = state["total"] + step
        if self.variable.limit is not None:
            limit = self.variable.limit
            total = (state["start"] + total).clamp_(-limit, limit) - state["start"]
        state["total"].copy_(total)
        return logits

    def exhausted(self, state: State, logits: Tensor, goal: Goal) -> Tensor:
        """At the first success or the end of its bisection, and with no relevant label left."""
        left = goal.targets.relevant & top_k_mask(logits, goal.targets.k)
        if not self.shorten:
            return state["found"] | ~left.any(1)
        narrow = state["succeeding"] - state["failing"] <= _SHORTEST
        return torch.where(state["bisects"], narrow, ~left.any(1))

    def _change(self, state: State) -> Tensor:
        """The lengthened sum of the steps, or the share of it at which the bisection is."""
        change = (1 + self.overshoot) * state["total"]
        if self.variable.limit is not None:
            limit = self.variable.limit
            change = (state["start"] + change).clamp_(-limit, limit) - state["start"]
        return change * _wide(state["share"], change) if self.shorten else change

    def _linearise(self, state: State, image: Tensor, goal: Goal) -> tuple[Tensor, Tensor]:
        """Logits (m, c) and the step, like the image."""
        logits, pull = logits_with_pullback(self.learner, image)
        anchor, first = self._labels(state, logits, goal.targets)
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
        width = torch.linalg.vector_norm(direction, dim=1)
        size = reach.abs()
        if self.largest_step is not None:
            size = size.clamp(max=self.largest_step)
        return logits, (direction * (size / width.clamp(min=_SMALLEST))[:, None]).view_as(image)

    def _labels(self, state: State, logits: Tensor, targets: TopkTargets) -> tuple[Tensor, Tensor]:
        """The label that is to fall, (m,), and those that it is compared with, (m, k or k + 1)."""
        if self.aimed:
            wanted = targets.specified & targets.relevant
            falling = logits.masked_fill(~wanted, -torch.inf).argmax(1)
            return falling, ranking(logits.masked_fill(wanted, -torch.inf))[:, : targets.k]
        best = logits.masked_fill(~targets.relevant, -torch.inf).argmax(1)
        anchor = torch.where(state["step"] == 0, best, state["anchor"])
        state["anchor"].copy_(anchor)
        return anchor, ranking(logits)[:, : targets.k + 1]


def _wide(rows: Tensor, like: Tensor) -> Tensor:
    return rows.reshape(-1, *([1] * (like.ndim - 1)))
