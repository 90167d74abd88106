"""Attacks that push labels out of the top k of a multi-label classifier, and their baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from advlearn.attacks.acceleration import accelerated
from advlearn.attacks.topk.descent import Descent
from advlearn.attacks.topk.engine import Sink, Solver, TopkOutcome, attack, check_pixels, named_by
from advlearn.attacks.topk.kfool import KFool
from advlearn.attacks.topk.own import load, try_out
from advlearn.attacks.topk.own_steps import OwnSteps, Steps
from advlearn.attacks.topk.projected import Projected
from advlearn.attacks.topk.targets import (
    Goal,
    TopkTargets,
    global_targets,
    random_targets,
    reached,
    uncertain_targets,
)
from advlearn.attacks.topk.variable import TanhVariable
from advlearn.budgets import L2Ball
from advlearn.deviations import topk as losses
from advlearn.deviations.topk import TopkLoss
from advlearn.learners.batches import SAMPLE, halving, images_at_once, in_batches
from advlearn.learners.rough import with_gradients
from advlearn.metrics.logits import check_shape, logits_of
from advlearn.problem.evasion import MinEffortProblem, frozen
from advlearn.settings.topk import ON_CPU, TopkAttackSettings
from advlearn.support.errors import UserError

__all__ = [
    "TopkOutcome",
    "TopkTargets",
    "clean_logits",
    "global_targets",
    "random_targets",
    "run",
    "uncertain_targets",
]


def run(
    model: nn.Module,
    images: Any,
    targets: TopkTargets,
    settings: TopkAttackSettings,
    batch_size: int | None = None,
    *,
    positions: Sequence[int] | None = None,
    sink: Sink | None = None,
) -> TopkOutcome:
    """Attack images, each for itself.

    During the attack the model is in evaluation mode, and afterwards as it was before; the
    gradients of its parameters are not touched. Nothing is random. Images are read, and passed to
    ``sink``, a few at a time.

    Args:
        model: network from images (m, ...) in [0, 1] to logits (m, c).
        images: anything of which ``images[list of positions]`` is a floating tensor or array
            (m, ...) in [0, 1].
        targets: n rows.
        settings: the attack.
        batch_size: images in one pass; by default by the device
            (:mod:`advlearn.learners.batches`). It changes nothing but speed and memory.
        positions: position among ``images`` of each row of ``targets``; by default 0, 1, ...
        sink: called with the positions and the perturbed images of attacks that are over, each
            image once, in the order in which they end.

    Raises:
        UserError: wrong images or positions, a network with another number of labels than the
            targets, one whose logits or gradients are not finite, one image does not fit into the
            device's memory, or a method of one's own that cannot be used (see ``own.try_out``).
        BudgetViolation: a perturbed image is outside the box (a defect).
    """
    positions = range(len(targets)) if positions is None else positions
    if len(positions) != len(targets):
        raise UserError(
            "each row of the targets needs one image",
            where=f"{len(positions)} positions, {len(targets)} rows",
            remedy="give as many positions as rows",
        )
    variable = TanhVariable(settings.clean_map)
    device = _device(model)
    with frozen(model):
        few = _few(images, positions, device)
        fast = _accelerated(model, few)
        _check_labels(fast, images, positions, targets, device)
        method = load(settings.own) if settings.own else None
        if method is not None:
            try_out(method, few, targets.to(device), settings)
        with with_gradients(fast, settings.gradients) as learner:
            size = images_at_once(learner, few, on_cpu=ON_CPU, gradient=True, asked=batch_size)
            return attack(
                build(settings, learner, method),
                images,
                positions,
                targets,
                learner=learner,
                variable=variable,
                success=settings.success,
                keep=settings.keep,
                iterations=settings.iterations,
                batch_size=size,
                device=device,
                sink=sink,
                own_code=settings.own is not None,
            )


def build(
    settings: TopkAttackSettings, model: nn.Module, own: TopkLoss | Steps | None = None
) -> Solver:
    """The solver of ``settings.method`` for a frozen network.

    Args:
        settings: the attack.
        model: the network.
        own: where the method is the user's own, what ``own.load`` gives.
    """
    variable = TanhVariable(settings.clean_map)
    if isinstance(own, Steps):
        return OwnSteps(own, model, settings.learning_rate)
    if settings.method in ("kfool", "kfool_s"):
        return KFool(
            model,
            variable,
            settings.largest_step,
            settings.overshoot,
            shorten=settings.keep == "min_norm",
            aimed=settings.method == "kfool_s",
        )
    if settings.method == "projected":
        return Projected.of(model, variable, settings.radii, settings.iterations, settings.travel)
    loss = own or losses.build(settings.method, settings.surrogate)

    def deviation(logits: Tensor, goal: Goal) -> Tensor:
        targets = goal.targets
        return -loss(logits, targets.relevant, targets.specified, targets.k)

    problem = MinEffortProblem(L2Ball(1.0).distance, reached, deviation, model)
    return Descent(
        problem,
        variable,
        settings.learning_rate,
        settings.momentum,
        settings.alpha,
        shorten=settings.keep == "min_norm",
        normalise=settings.normalise,
    )


def clean_logits(
    model: nn.Module,
    images: Any,
    settings: TopkAttackSettings,
    batch_size: int | None = None,
    positions: Sequence[int] | None = None,
) -> Tensor:
    """Logits (n, c) of the images as the attack shows them to the network first, on the CPU.

    Eligibility must be decided on these: under ``tanh_raw`` they are not those of the clean images.

    Args:
        model: as for :func:`run`, like
        images: all others.
        settings: the attack.
        batch_size: images in one pass; by default by the device.
        positions: which images; by default all.

    Raises:
        UserError: the network's logits are not finite, or one image does not fit into the
            device's memory.
    """
    positions = range(len(images)) if positions is None else positions
    variable, device = TanhVariable(settings.clean_map), _device(model)
    parts: list[Tensor] = []
    with frozen(model):
        few = _few(images, positions, device)
        fast = _accelerated(model, few)
        size = images_at_once(fast, few, on_cpu=ON_CPU, gradient=False, asked=batch_size)

        def show(part: slice) -> None:
            names = [int(name) for name in positions[part]]
            seen = variable.clean(torch.as_tensor(images[names]).to(device))
            with named_by(names):
                parts.append(logits_of(fast, seen).cpu())

        in_batches(len(positions), size, show)
    return torch.cat(parts) if parts else torch.empty(0)


def _device(model: nn.Module) -> torch.device:
    parameter = next(model.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device


def _check_labels(
    model: nn.Module,
    images: Any,
    positions: Sequence[int],
    targets: TopkTargets,
    device: torch.device,
) -> None:
    """Ask the network for the logits of one image: the targets must have as many labels."""
    first = [int(name) for name in positions[:1]]
    if first:
        with named_by(first):
            loaded = torch.as_tensor(images[first]).to(device)
            check_pixels(loaded, first)
            logits = halving(1, lambda _: logits_of(model, loaded))
        check_shape(logits, 1, targets.relevant.shape[1])


def _few(images: Any, positions: Sequence[int], device: torch.device) -> Tensor:
    """The first images (m, ...) on the device; m = 0 where there are none."""
    names = [int(name) for name in positions[: 4 if device.type == "cpu" else SAMPLE]]
    return torch.as_tensor(images[names]).to(device) if names else torch.empty(0, device=device)


def _accelerated(model: nn.Module, few: Tensor) -> nn.Module:
    return accelerated(model, few) if len(few) else model
