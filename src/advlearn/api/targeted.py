"""Targeted attacks: the network as it looks to who wants one class and no other.

Of the classes only two are left: the best other one and the target. An attack that makes this
network leave class 0 has reached the target, whatever it climbs, and the margin that it climbs is
that of Carlini and Wagner (2017), f_6, with a target. No attack has to know of targets.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from advlearn.metrics.logits import check_classes, check_logits, logits_of
from advlearn.support.errors import UserError
from advlearn.support.seeds import derive_seed


class TargetView(nn.Module):
    """``network`` with two logits: the largest of the other classes, and that of ``target``.

    Args:
        network: from images (n, ...) to logits (n, classes).
        target: the class that is wanted.
    """

    def __init__(self, network: nn.Module, target: int) -> None:
        super().__init__()
        self.network = network
        self.target = target
        self.train(network.training)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (n, 2)."""
        logits: Tensor = self.network(images)
        check_logits(logits.detach(), len(images))
        wanted = torch.full_like(logits[:, :1], self.target, dtype=torch.int64)
        others = logits.scatter(1, wanted, -torch.inf).amax(1)
        return torch.stack([others, logits[:, self.target]], 1)


Untargeted = Callable[[nn.Module, Tensor, Tensor, int], Tensor]
"""``(network, images (n, ...), labels (n,), seed) -> images``."""


def by_target(
    attack: Untargeted, network: nn.Module, images: Tensor, targets: Tensor, seed: int
) -> Tensor:
    """Each image attacked towards its target, (n, ...); images of one target go together.

    Raises:
        UserError: the network has a single class, or ``attack`` refuses.
    """
    found = images.clone()
    for target in targets.unique().tolist():
        rows = (targets == target).nonzero().squeeze(1)
        view = TargetView(network, target)
        found[rows] = attack(
            view, images[rows], torch.zeros_like(rows), derive_seed(seed, "target", target)
        )
    return found


def check_targets(network: nn.Module, images: Tensor, targets: Tensor) -> None:
    """Refuse classes that the network does not have.

    Raises:
        UserError: see above.
    """
    if not len(images):
        return
    n_classes = logits_of(network, images[:1]).shape[1]
    if n_classes < 2:
        raise UserError(
            "a network with a single class has no other one to be sent to",
            where="argument targets",
            remedy="use a network with at least two logits",
        )
    try:
        check_classes(targets, n_classes)
    except UserError as error:
        raise UserError(
            error.what.replace("a label", "a target"),
            where=f"argument targets: {error.where}".replace("label", "target"),
            remedy=f"give classes from 0 to {n_classes - 1}",
        ) from error
