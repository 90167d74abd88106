"""Retraining with selected adversarial images (Rasheed & Khan 2023, section VI)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from advlearn.attacks import build
from advlearn.settings.attack import AttackSettings, PgdSettings
from advlearn.settings.network import RetrainSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.seeds import derive_seed
from advlearn.training.fit import (
    Batch,
    check_batch_size,
    make_optimiser,
    run_steps,
    shuffled,
    shuffled_images,
    shuffled_steps,
)
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
    if isinstance(attack, PgdSettings):
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
        settings: schedule, numbers of steps, crafting, epochs and optimiser.
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

    for number in loop.epochs(settings.epochs + settings.further_clean_epochs):
        epoch = steps_of_epoch(
            len(images), len(positions), settings, clean_order, adversarial_order, number
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
    number: int = 1,
) -> list[Step]:
    """The steps of one epoch by the schedule.

    A fixed number of adversarial steps, and the clean steps that go with them, do not depend on how
    many images are selected; without any there are the clean steps alone.

    Args:
        n_clean: number of clean images.
        n_selected: number of selected images.
        settings: schedule, numbers of steps and batch size.
        clean_order: decides the order of the clean images, or of all images in ``mixed``.
        adversarial_order: decides the order of the selected images; in ``mixed`` which they are
            where not all of them are used once.
        number: of the epoch, from 1; those after ``settings.epochs`` have clean steps alone.
    """
    size, fixed = settings.batch_size, settings.adversarial_steps
    most = round(settings.share * n_selected) or 1
    none = torch.empty(0, dtype=torch.int64)
    if number > settings.epochs:
        return [Step(batch, none) for batch in shuffled(n_clean, size, clean_order)]
    if settings.schedule == "mixed":
        count = fixed * size if fixed else min(most, n_selected)
        return _mixed(n_clean, n_selected, count, settings, clean_order, adversarial_order)
    if fixed:
        batches = shuffled_steps(n_selected, size, adversarial_order, fixed)
    else:
        batches = shuffled(n_selected, size, adversarial_order, most)
    selected = [Step(none, batch) for batch in batches]
    if settings.schedule == "adversarial_only":
        return selected
    if settings.clean_steps is None:
        batches = shuffled(n_clean, size, clean_order)
    else:
        steps = settings.clean_steps * (fixed or len(selected))
        batches = shuffled_steps(n_clean, size, clean_order, steps)
    clean = [Step(batch, none) for batch in batches]
    if settings.schedule == "interleaved":
        return list(_interleave(clean, selected))
    return clean + selected


def number_of_steps(n_clean: int, n_selected: int, settings: RetrainSettings) -> int:
    """How many steps `retrain` takes, whatever the seed.

    Args:
        n_clean: number of clean images.
        n_selected: number of selected images.
        settings: schedule, epochs, numbers of steps and batch size.
    """
    generators = orders(0)
    epochs = range(1, settings.epochs + settings.further_clean_epochs + 1)
    return sum(
        len(steps_of_epoch(n_clean, n_selected, settings, *generators, number)) for number in epochs
    )


def pooled_steps(
    n: int, positions: Tensor, settings: RetrainSettings, seed: int, first: int
) -> tuple[list[Tensor], int]:
    """All steps of `retrain` as positions in one pool of images.

    Args:
        n: number of clean images, the first of the pool.
        positions: (m,) positions of the selected images.
        settings: schedule, epochs, numbers of steps and batch size.
        seed: decides the orders.
        first: where the adversarial images of all clean ones begin.

    Returns:
        Positions of the images of each step, and the number of steps of the last epoch.
    """
    found: list[Tensor] = []
    epoch: list[Step] = []
    generators = orders(seed)
    for number in range(1, settings.epochs + settings.further_clean_epochs + 1):
        epoch = steps_of_epoch(n, len(positions), settings, *generators, number)
        found += [torch.cat([step.clean, first + positions[step.selected]]) for step in epoch]
    return found, len(epoch)


def _mixed(
    n_clean: int,
    n_selected: int,
    count: int,
    settings: RetrainSettings,
    clean_order: torch.Generator,
    adversarial_order: torch.Generator,
) -> list[Step]:
    """The batches of one shuffled set of clean images and of ``count`` adversarial ones."""
    clean, selected = torch.arange(n_clean), torch.arange(n_selected)
    if settings.clean_steps is not None:
        clean = shuffled_images(n_clean, settings.clean_steps * count, clean_order)
    if count != n_selected:
        selected = shuffled_images(n_selected, count, adversarial_order)
    n = len(clean)
    batches = shuffled(n + len(selected), settings.batch_size, clean_order)
    return [Step(clean[b[b < n]], selected[b[b >= n] - n]) for b in batches]


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
