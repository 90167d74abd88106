"""Gradient descent with momentum in the variable before the tanh: T_kMIA and its baselines.

``g = dL/dw + alpha (w - w_0)``, ``v <- momentum v + g`` from v = 0, ``w <- w - learning_rate v``:
SGD with weight decay on the perturbation. Success is tested before a step is made, and the last
step is never looked at, as in the authors' code (their Algorithm 1, with the auxiliary variables
at their closed-form minimum).

Where the nearest success is wanted (ours), a step from a success has ``g = w - w_0``: the loss
descends while the perturbation is not enough, and its length alone while it is, so that the iterate
follows the border between the two. Descending the loss further would only lead away from the clean
image.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from advlearn.attacks.topk.slots import State
from advlearn.attacks.topk.targets import Goal
from advlearn.attacks.topk.variable import TanhVariable
from advlearn.budgets import L2Ball
from advlearn.problem.evasion import MinEffortProblem


@dataclass(frozen=True)
class Descent:
    """Solves a min-effort problem by climbing its deviation and holding on to the start.

    Args:
        problem: the deviation that is climbed and the network.
        variable: change of variables.
        learning_rate: step size, above 0.
        momentum: in [0, 1).
        alpha: weight of half the squared length of the change of the variable.
        shorten: descend the length alone where the goal is reached.
        normalise: divide each gradient of the loss by its length, so that one learning rate serves
            losses and networks whose gradients differ in size.
    """

    problem: MinEffortProblem[Goal]
    variable: TanhVariable
    learning_rate: float
    momentum: float
    alpha: float
    shorten: bool
    normalise: bool

    def start(self, variable: Tensor, clean: Tensor) -> State:
        """No perturbation and no velocity."""
        zeros = torch.zeros_like(variable)
        return {"start": variable, "change": zeros, "velocity": zeros.clone()}

    def image(self, state: State) -> Tensor:
        """Pixels of the changed variable."""
        return self.variable.pixels(state["start"] + state["change"])

    def advance(self, state: State, image: Tensor, goal: Goal) -> Tensor:
        """One step."""
        logits, ascent = self.problem.linearise(image, goal)
        descent = (ascent * self.variable.slope(image)).neg_()
        descent.add_(state["change"], alpha=self.alpha)
        if self.normalise:
            descent = L2Ball(1.0).maximiser(descent)
        if self.shorten:
            won = self.problem.reached(logits, goal).reshape(-1, *([1] * (image.ndim - 1)))
            descent = torch.where(won, state["change"], descent)
        state["velocity"].mul_(self.momentum).add_(descent)
        state["change"].add_(state["velocity"], alpha=-self.learning_rate)
        if self.variable.limit is not None:
            moved = (state["start"] + state["change"]).clamp_(
                -self.variable.limit, self.variable.limit
            )
            torch.sub(moved, state["start"], out=state["change"])
        return logits

    def exhausted(self, state: State, logits: Tensor, goal: Goal) -> Tensor:
        """Never: only the number of iterations ends the descent."""
        return torch.zeros_like(state["found"])
