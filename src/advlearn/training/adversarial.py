"""Retraining with selected adversarial images (Rasheed & Khan 2023, section VI)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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


def online_attack(attack: AttackSettings, online_steps: int) -> Craft:
    """The attack for crafting at each step: an iterative one is cut to ``online_steps`` steps."""
    if attack.name == "pgd":
        attack = attack.model_copy(update={"steps": online_steps, "step_size": None, "restarts": 1})
    solver = build(attack)
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
    clean_order = torch.Generator().manual_seed(derive_seed(seed, "clean order"))
    adversarial_order = torch.Generator().manual_seed(derive_seed(seed, "adversarial order"))
    torch.manual_seed(derive_seed(seed, "dropout"))
    check_batch_size(network, settings.batch_size)
    optimiser = make_optimiser(network, settings.optimiser, settings.learning_rate)
    loop = Loop(network, optimiser, (clean_order, adversarial_order), checkpoint=checkpoint)
    steps = loop.values.setdefault("steps", {"adversarial": 0, "loss": 0.0})

    def clean(batch: Tensor) -> Callable[[], Batch]:
        return lambda: (images[batch], labels[batch])

    def attacked(batch: Tensor) -> Callable[[], Batch]:
        def make() -> Batch:
            steps["adversarial"] += 1
            chosen = positions[batch]
            if settings.crafting == "static":
                assert adversarial is not None
                return adversarial[batch], labels[chosen]
            own_seed = derive_seed(seed, "craft", steps["adversarial"])
            return craft(network, images[chosen], labels[chosen], own_seed), labels[chosen]

        return make

    def mixed(batch: Tensor) -> Callable[[], Batch]:
        def make() -> Batch:
            first = batch[batch < len(images)]
            second = batch[batch >= len(images)] - len(images)
            if not len(second):
                return clean(first)()
            made, targets = attacked(second)()
            return torch.cat([images[first], made]), torch.cat([labels[first], targets])

        return make

    for _ in loop.epochs(settings.epochs):
        if settings.schedule == "mixed":
            total = len(images) + len(positions)
            batches = [mixed(b) for b in shuffled(total, settings.batch_size, clean_order)]
        else:
            first: list[Callable[[], Batch]] = []
            if settings.schedule != "adversarial_only":
                first = [clean(b) for b in shuffled(len(images), settings.batch_size, clean_order)]
            second = [
                attacked(b)
                for b in shuffled(len(positions), settings.batch_size, adversarial_order)
            ]
            if settings.schedule == "interleaved":
                batches = list(_interleave(first, second))
            else:
                batches = first + second
        steps["loss"] = run_steps(network, optimiser, loop, batches)
    network.eval()
    return float(steps["loss"])


def _interleave(
    clean: list[Callable[[], Batch]], adversarial: list[Callable[[], Batch]]
) -> Iterator[Callable[[], Batch]]:
    """Clean steps with the adversarial ones spread evenly after them."""
    used = 0
    for index, batch in enumerate(clean, start=1):
        yield batch
        due = index * len(adversarial) // len(clean)
        yield from adversarial[used:due]
        used = due
