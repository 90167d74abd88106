"""Projected steepest ascent, the solver behind FGSM and PGD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, isfinite

import torch
from torch import Tensor, nn

from advlearn import budgets
from advlearn.attacks import rules
from advlearn.attacks.acceleration import accelerated
from advlearn.budgets import Box, Budget, LinfBall
from advlearn.deviations import Deviation
from advlearn.learners.batches import SAMPLE, images_at_once, in_batches
from advlearn.metrics.logits import check_classes, check_labels, logits_of
from advlearn.problem.evasion import MaxEffectProblem, frozen
from advlearn.settings.attack import Ball, FgsmSettings, PgdSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.errors import UserError
from advlearn.support.finite import check_finite, deferred, look_every
from advlearn.support.seeds import derive_seed

Step = Callable[[Tensor, Tensor], Tensor]

_STATE = "projected ascent"
_ON_CPU = 250
"""Images in one pass: 100 to 250 MNIST-size images of a small CNN fill the cache."""
_WORTH = 200_000
"""Gradients from which the rewriting of a network pays on a GPU, where it takes 20 ms."""


@dataclass(frozen=True)
class ProjectedAscent:
    """``x <- project(x + step_size * maximiser(gradient))``, ``steps`` times.

    Args:
        budget: where the images may move to.
        deviation: what is maximised.
        steps: gradient steps of one run, at least 1.
        step_size: length of a step in the norm of the budget.
        random_start: begin at a random point of the ball instead of at the clean image.
        restarts: independent runs; the one with the largest final deviation is kept, image by
            image.
        batch_size: images in one pass through the network; None: by the device
            (:mod:`advlearn.learners.batches`). It changes nothing but speed.
        ball: what the ball of the budget is round when a step is projected: the clean image, or
            the iterate that the step begins at. The latter bounds each step alone.
        rule: what a step goes along; None: the gradient.
    """

    budget: Budget
    deviation: Deviation
    steps: int
    step_size: float
    random_start: bool = False
    restarts: int = 1
    batch_size: int | None = None
    ball: Ball = "image"
    rule: rules.Rule | None = None

    @property
    def stride(self) -> float:
        """Length of a step; a ball round the iterate leaves no more of it than its radius."""
        return self.step_size if self.ball == "image" else min(self.step_size, self.budget.epsilon)

    @property
    def reach(self) -> Budget:
        """What the result lies in: ``budget``, or what all steps together lead to without one."""
        if self.ball == "image":
            return self.budget
        start = self.budget.epsilon if self.random_start else 0.0
        return replace(self.budget, epsilon=start + self.steps * self.stride)

    def check(self, images: Tensor, adversarial: Tensor) -> None:
        """Check that ``adversarial`` (n, ...) is inside :attr:`reach` of ``images``.

        Raises:
            BudgetViolation: it is not (a defect).
        """
        # Projection removes the rounding of the steps before; without one it adds up.
        rounded = 1 if self.ball == "image" else self.steps
        self.reach.check(images, adversarial, rounded * self.reach.rounding(images))

    def run(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        seed: int,
        checkpoint: Checkpoint | None = None,
    ) -> Tensor:
        """The final iterates.

        The model is in evaluation mode while it is attacked and as before afterwards; the gradients
        of its parameters are not touched. The same arguments give the same images.

        Args:
            model: network (n, ...) -> logits (n, k), on the device of the images.
            images: clean images (n, ...) of a floating dtype, inside the budget's box.
            labels: int64 (n,).
            seed: decides the random starts; the start of an image depends on the seed, its
                position and the number of images, not on ``batch_size`` or the device.
            checkpoint: progress of the job, from which the attack resumes batch by batch, also
                with batches of another size; runs of one job differ in their seeds.

        Returns:
            Adversarial images like ``images``.

        Raises:
            UserError: images outside the box or not finite, labels that do not fit, a network whose
                logits or gradients are not finite, or one image does not fit into the device's
                memory.
            BudgetViolation: the result is not inside :attr:`reach` (a defect).
        """
        check_inputs(self.budget, images, labels)
        rules.try_out(self.rule, images)
        best = images.clone()
        deviation = torch.full((len(images),), -torch.inf, device=images.device)
        checkpoint = checkpoint or Checkpoint.off()
        done, state_name = 0, f"{_STATE} {seed}"
        if kept := checkpoint.get(state_name):
            done = kept["images"]
            best.copy_(torch.from_numpy(kept["best"]))
            deviation.copy_(torch.from_numpy(kept["deviation"]))
        n = len(images)
        with frozen(model):
            fast = self._fast(model, images)
            problem = MaxEffectProblem(self.budget, self.deviation, fast)
            size = images_at_once(
                fast, images, on_cpu=_ON_CPU, gradient=True, asked=self.batch_size
            )
            # What is done is a number of images, over all restarts.
            for restart in range(done // n if n else self.restarts, self.restarts):
                starts = self.starts(images, seed, restart)

                def climb(part: slice, starts: Tensor = starts, earlier: int = restart * n) -> None:
                    final = self._climb(problem, images[part], labels[part], starts[part])
                    if self.restarts == 1:
                        best[part] = final
                    else:
                        reached = self._reached(fast, final, labels[part]).to(deviation.dtype)
                        better = reached > deviation[part]
                        best[part][better] = final[better]
                        deviation[part][better] = reached[better]
                    if checkpoint.due:
                        state = {"best": best, "deviation": deviation}
                        arrays = {key: one.cpu().numpy().copy() for key, one in state.items()}
                        checkpoint.put(state_name, {"images": earlier + part.stop, **arrays})

                in_batches(n, size, climb, first=max(done - restart * n, 0))
        checkpoint.drop(state_name)
        self.check(images, best)
        return best

    def _fast(self, model: nn.Module, images: Tensor) -> nn.Module:
        """The network that is climbed; on a CPU the model itself, whose rounding results have."""
        gradients = len(images) * self.steps * self.restarts
        if images.device.type == "cpu" or gradients < _WORTH:
            return model
        return accelerated(model, images[:SAMPLE])

    def starts(self, images: Tensor, seed: int, restart: int) -> Tensor:
        """Where run number ``restart`` begins: ``images`` themselves without random start."""
        if not self.random_start:
            return images
        return self.budget.random_start(images, start_generator(seed, restart))

    def stepper(self, clean: Tensor) -> Step:
        """``(iterate, gradient) -> next iterate`` for the batch ``clean``; overwrites the iterate.

        For the L-infinity ball the bounds of ball and box are computed once, and a step is then
        three passes over memory; in general it goes through ``budget.project``.
        """
        if self.ball == "iterate":
            # No step leaves the ball round the iterate that it begins at: the box is left.
            box, stride = self.budget.box, self.stride

            def walked(iterate: Tensor, gradient: Tensor) -> Tensor:
                direction = self.budget.maximiser(gradient)
                return iterate.add_(direction, alpha=stride).clamp_(box.low, box.high)

            return walked
        if isinstance(self.budget, LinfBall):
            low, high = self.budget.bounds(clean)

            def clamped(iterate: Tensor, gradient: Tensor) -> Tensor:
                direction = self.budget.maximiser(gradient)
                return iterate.add_(direction, alpha=self.step_size).clamp_(low, high)

            return clamped

        def projected(iterate: Tensor, gradient: Tensor) -> Tensor:
            direction = self.budget.maximiser(gradient)
            return self.budget.project(clean, iterate.add_(direction, alpha=self.step_size))

        return projected

    def _reached(self, model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """The deviation (n,), by which restarts are compared: finite."""
        logits = logits_of(model, images)
        check_classes(labels, logits.shape[1])
        reached = self.deviation(logits, labels)
        check_finite(reached, "the deviations", remedy="choose another deviation")
        return reached

    def _climb(
        self, problem: MaxEffectProblem, clean: Tensor, labels: Tensor, start: Tensor
    ) -> Tensor:
        if look_every(clean.device) > 1 and self.steps > 1 and self.rule is None:
            # The first step is looked at: from then on labels are known to fit the network.
            first = self._moved(problem, clean, labels, start, 1)
            with deferred() as checks:
                last = self._moved(problem, clean, labels, first, self.steps - 1)
            if checks.hold():
                return last
        return self._moved(problem, clean, labels, start, self.steps)

    def _moved(
        self, problem: MaxEffectProblem, clean: Tensor, labels: Tensor, start: Tensor, steps: int
    ) -> Tensor:
        step = self.stepper(clean)
        iterate, memory = start.clone(), rules.begun(self.rule, clean)
        for _ in range(steps):
            _, gradient = problem.linearise(iterate, labels)
            iterate = step(iterate, rules.direction(self.rule, gradient, memory))
        return iterate


def budget_of(settings: FgsmSettings | PgdSettings) -> Budget:
    """The ball of some settings, cut by the box of pixels, [0, 1], unless they say otherwise."""
    box = Box() if settings.clip else Box(-inf, inf)
    return budgets.build(settings.norm, settings.epsilon, box)


def start_generator(seed: int, restart: int) -> torch.Generator:
    """What decides the random starts of run number ``restart`` of an attack with this seed."""
    return torch.Generator().manual_seed(derive_seed(seed, "random start", restart))


def check_inputs(budget: Budget, images: Tensor, labels: Tensor) -> None:
    """Refuse images that no attack can be run on.

    Raises:
        UserError: no floating dtype, NaN, pixels outside the box, labels of another length or
            type, or a label below 0.
    """
    if not images.is_floating_point() or images.ndim < 2:
        raise UserError(
            "images must be a floating tensor (n, ...)",
            where=f"dtype {images.dtype}, shape {tuple(images.shape)}",
            remedy="convert to float32 and divide integer pixels by 255",
        )
    check_labels(labels, len(images))
    if len(images) == 0:
        return
    low, high = (float(bound) for bound in images.aminmax())
    finite = isfinite(low) and isfinite(high)
    if not (finite and low >= budget.box.low and high <= budget.box.high):
        raise UserError(
            "images lie outside the box of valid pixels",
            where=f"pixels in [{low}, {high}], box [{budget.box.low}, {budget.box.high}]",
            remedy="scale the images to the box and remove NaN",
        )
