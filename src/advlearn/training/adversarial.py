"""Retraining with selected adversarial images (Rasheed & Khan 2023, section VI)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from advlearn.attacks import build
from advlearn.settings.attack import AttackSettings
from advlearn.settings.network import RetrainSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.seeds import derive_seed
from advlearn.training.fit import Batch, check_batch_size, make_optimiser, run_steps, shuffled
from advlearn.training.loop import Loop

Craft = Callable[[nn.Module, Tensor, Tensor, int], Tensor]
"""Crafts adversarial images: (network, clean images, labels, seed) -> images of the same shape."""


class Step(NamedTuple):
    """Images of one gradient step.

    Attributes:
        clean: positions among the clean images.
        selected: places in the list of selected images.
    """

    clean: Tensor
    selected: Tensor


def online_settings(attack: AttackSettings, online_steps: int) -> AttackSettings:
    """The attack for crafting at each step: an iterative one is cut to ``online_steps`` steps."""
    if attack.name == "pgd":
        return attack.model_copy(update={"steps": online_steps, "step_size": None, "restarts": 1})
    return attack


def online_attack(attack: AttackSettings, online_steps: int) -> Craft:
    """Crafting by the attack of :func:`online_settings`."""
    solver = build(online_settings(attack, online_steps))
    return lambda network, images, labels, seed: solver.run(network, images, labels, seed)


def retrain(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    adversarial: Tensor | None,
    positions: Tensor,
    settings: RetrainSettings,
    seed: int,
    craft: Craft,
    checkpoint: Checkpoint | None = None,
) -> float:
    """Train ``network`` in place on clean images and on the selected adversarial ones.

    Args:
        network: classifier, at its starting weights.
        images: (n, c, h, w) clean training images in [0, 1].
        labels: (n,) class numbers.
        adversarial: (m, c, h, w) static adversarial images of ``positions``; not read when
            crafting is online.
        positions: (m,) positions of the selected images; m = 0 trains on clean images alone. With
            m = 1 batch normalisation sees the one adversarial image by its running statistics.
        settings: schedule, crafting, epochs and optimiser.
        seed: decides orders, dropout and random starts.
        craft: attack for online crafting.
        checkpoint: progress of the job, from which the training resumes.

    Returns:
        Mean loss over all steps of the last epoch.

    Raises:
        UserError: training diverges, online crafting meets logits or gradients that are not finite,
            or batches of one image for a network with batch normalisation.
    """
    clean_order, adversarial_order = orders(seed)
    torch.manual_seed(derive_seed(seed, "dropout"))
    check_batch_size(network, settings.batch_size)
    optimiser = make_optimiser(network, settings.optimiser, settings.learning_rate)
    loop = Loop(network, optimiser, (clean_order, adversarial_order), checkpoint=checkpoint)
    steps = loop.values.setdefault("steps", {"adversarial": 0, "loss": 0.0})

    def images_of(step: Step) -> Callable[[], Batch]:
        def make() -> Batch:
            parts: list[Batch] = []
            if len(step.clean):
                parts.append((images[step.clean], labels[step.clean]))
            if len(step.selected):
                parts.append(attacked(step.selected))
            return parts[0] if len(parts) == 1 else _joined(parts)

        return make

    def attacked(selected: Tensor) -> Batch:
        steps["adversarial"] += 1
        chosen = positions[selected]
        if settings.crafting == "static":
            assert adversarial is not None
            return adversarial[selected], labels[chosen]
        own_seed = derive_seed(seed, "craft", steps["adversarial"])
        return craft(network, images[chosen], labels[chosen], own_seed), labels[chosen]

    for _ in loop.epochs(settings.epochs):
        epoch = steps_of_epoch(
            len(images), len(positions), settings, clean_order, adversarial_order
        )
        steps["loss"] = run_steps(network, optimiser, loop, list(map(images_of, epoch)))
    network.eval()
    return float(steps["loss"])


def orders(seed: int) -> tuple[torch.Generator, torch.Generator]:
    """Generators of the order of the clean images and of the selected ones."""
    return (
        torch.Generator().manual_seed(derive_seed(seed, "clean order")),
        torch.Generator().manual_seed(derive_seed(seed, "adversarial order")),
    )


def steps_of_epoch(
    n_clean: int,
    n_selected: int,
    settings: RetrainSettings,
    clean_order: torch.Generator,
    adversarial_order: torch.Generator,
) -> list[Step]:
    """The steps of one epoch by the schedule.

    Args:
        n_clean: number of clean images.
        n_selected: number of selected images.
        settings: schedule and batch size.
        clean_order: decides the order of the clean images, or of all images in ``mixed``.
        adversarial_order: decides the order of the selected images.
    """
    size = settings.batch_size
    if settings.schedule == "mixed":
        batches = shuffled(n_clean + n_selected, size, clean_order)
        return [Step(b[b < n_clean], b[b >= n_clean] - n_clean) for b in batches]
    none = torch.empty(0, dtype=torch.int64)
    clean: list[Step] = []
    if settings.schedule != "adversarial_only":
        clean = [Step(batch, none) for batch in shuffled(n_clean, size, clean_order)]
    selected = [Step(none, batch) for batch in shuffled(n_selected, size, adversarial_order)]
    if settings.schedule == "interleaved":
        return list(_interleave(clean, selected))
    return clean + selected


def pooled_steps(
    n: int, positions: Tensor, settings: RetrainSettings, seed: int, first: int
) -> tuple[list[Tensor], int]:
    """All steps of `retrain` as positions in one pool of images.

    Args:
        n: number of clean images, the first of the pool.
        positions: (m,) positions of the selected images.
        settings: schedule, epochs and batch size.
        seed: decides the orders.
        first: where the adversarial images of all clean ones begin.

    Returns:
        Positions of the images of each step, and the number of steps of the last epoch.
    """
    found: list[Tensor] = []
    epoch: list[Step] = []
    generators = orders(seed)
    for _ in range(settings.epochs):
        epoch = steps_of_epoch(n, len(positions), settings, *generators)
        found += [torch.cat([step.clean, first + positions[step.selected]]) for step in epoch]
    return found, len(epoch)


def _joined(parts: list[Batch]) -> Batch:
    images, labels = zip(*parts, strict=True)
    return torch.cat(images), torch.cat(labels)


def _interleave(clean: list[Step], selected: list[Step]) -> Iterator[Step]:
    """Clean steps with the adversarial ones spread evenly after them."""
    used = 0
    for index, step in enumerate(clean, start=1):
        yield step
        due = index * len(selected) // len(clean)
        yield from selected[used:due]
        used = due
