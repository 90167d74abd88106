"""Descend the specified labels' logits while the other relevant ones stay: a stronger comparator.

At each step the gradient of the sum of the specified labels' logits that are still in the top k is
projected off the span of the gradients of the other relevant labels, whose logits then do not
change to first order (the idea of Mahmood and Elhamifar, CVPR 2024, whose attack concerns
thresholds, carried over to the top k). The step has a fixed length, and the iterate is projected
to an l2 ball and to the box: a max-effect problem for each radius.

Radii are tried from the smallest, each from the clean image. They share the iterations equally; a
step is ``travel`` radii divided by the iterations of a radius. The nearest success of the first
radius that has one is kept. At most :data:`PROTECTED` labels are held where they are, those with
the largest logits: the ones near the top k matter, and each costs a backward pass a step.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from advlearn.attacks.jacobian import Pullback, logit, logits_with_pullback
from advlearn.attacks.topk.slots import State
from advlearn.attacks.topk.targets import Goal
from advlearn.attacks.topk.variable import TanhVariable
from advlearn.budgets import L2Ball
from advlearn.budgets.balls import shortened
from advlearn.metrics.ranking import ranking, top_k_mask
from advlearn.problem.evasion import MaxEffectProblem
from advlearn.support.finite import deferred_checks

PROTECTED = 10
"""Most labels that are held where they are."""

# Relative; parallel gradients would make the Gram matrix singular.
_RIDGE = 1e-6


@dataclass(frozen=True)
class Projected:
    """See the module.

    Args:
        problems: one for each radius, growing; all with the same network.
        variable: change of variables; decides what the clean image is.
        steps: iterations of one radius, at least 1.
        travel: length of all steps of a radius together, in radii.
    """

    problems: tuple[MaxEffectProblem, ...]
    variable: TanhVariable
    steps: int
    travel: float

    @classmethod
    def of(
        cls,
        learner: nn.Module,
        variable: TanhVariable,
        radii: tuple[float, ...],
        iterations: int,
        travel: float,
    ) -> Projected:
        """Share ``iterations`` between radii; with fewer iterations than radii, the first radii."""
        radii = radii[:iterations]
        problems = [
            MaxEffectProblem(L2Ball(radius), _negative_logit_sum, learner) for radius in radii
        ]
        return cls(tuple(problems), variable, iterations // len(radii), travel)

    def start(self, variable: Tensor, clean: Tensor) -> State:
        """The clean image."""
        return {"iterate": self.variable.pixels(variable)}

    def image(self, state: State) -> Tensor:
        """The iterate, or the clean image where a new radius begins."""
        begins = state["step"] % self.steps == 0
        iterate = state["iterate"]
        return torch.where(_wide(begins, iterate), state["clean"], iterate)

    def advance(self, state: State, image: Tensor, goal: Goal) -> Tensor:
        """One step, by at most 1 + PROTECTED backward passes."""
        logits, pull = logits_with_pullback(self.problems[0].learner, image)
        targets = goal.targets
        wanted = targets.specified & targets.relevant
        # Out of the top k is enough; where strict success still fails, all are pushed on.
        inside = wanted & top_k_mask(logits, targets.k)
        chosen = torch.where(inside.any(1, keepdim=True), inside, wanted)
        deviation = self.problems[0].deviation
        ascent = pull(lambda values: deviation(values, chosen))
        ascent = _project_out(ascent, *_protected(logits, targets.relevant & ~wanted, pull))
        direction = L2Ball(1.0).maximiser(ascent).view_as(image)
        phase = (state["step"] // self.steps).clamp_(max=len(self.problems) - 1)
        radius, size = torch.ones_like(logits[:, 0]), torch.ones_like(logits[:, 0])
        for number, problem in enumerate(self.problems):
            epsilon = problem.budget.epsilon
            radius = torch.where(phase == number, epsilon, radius)
            size = torch.where(phase == number, self.travel * epsilon / self.steps, size)
        ahead = image + _wide(size, image) * direction
        shift = shortened(ahead - state["clean"], _wide(radius, image))
        box = self.problems[0].budget.box
        torch.clamp(shift.add_(state["clean"]), box.low, box.high, out=state["iterate"])
        return logits

    def exhausted(self, state: State, logits: Tensor, goal: Goal) -> Tensor:
        """At the end of a radius that had a success, and at the end of the last radius."""
        done = state["step"] + 1
        return (done % self.steps == 0) & (
            state["found"] | (done >= self.steps * len(self.problems))
        )


def _negative_logit_sum(logits: Tensor, chosen: Tensor) -> Tensor:
    """The deviation: minus the sum of the chosen labels' logits."""
    return -(logits * chosen).sum(1)


def _protected(logits: Tensor, others: Tensor, pull: Pullback) -> tuple[Tensor, Tensor]:
    """Unit gradients (m, j, d) of the logits that are to stay, and which of them count, (m, j)."""
    most = min(PROTECTED, others.shape[1])
    if deferred_checks() is None:
        most = min(most, int(others.sum(1).max()))
    labels = ranking(logits.masked_fill(~others, -torch.inf))[:, :most]
    counts = others.gather(1, labels)
    rows = [L2Ball(1.0).maximiser(pull(logit(label))) for label in labels.unbind(1)]
    if not rows:
        return logits.new_zeros((len(logits), 0, 1)), counts
    return torch.stack(rows, dim=1) * counts[:, :, None], counts


def _project_out(vector: Tensor, rows: Tensor, counts: Tensor) -> Tensor:
    """``vector`` (m, d) less its projection on the span of the unit ``rows`` (m, j, d)."""
    if rows.shape[1] == 0:
        return vector
    gram = (rows @ rows.transpose(1, 2)).double()
    # Rows that do not count are zero: a 1 on the diagonal keeps the system regular.
    gram = gram + torch.diag_embed(_RIDGE + (~counts).double())
    inner = (rows @ vector[:, :, None]).double()
    # The ridge keeps the system regular; to check that would be to wait for a GPU.
    weights: Tensor = torch.linalg.solve_ex(gram, inner).result.to(vector.dtype)
    return vector - (rows * weights).sum(1)


def _wide(flags: Tensor, like: Tensor) -> Tensor:
    return flags.reshape(-1, *([1] * (like.ndim - 1)))
