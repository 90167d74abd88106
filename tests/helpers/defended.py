"""Small networks on scikit-learn's digits, trained in seconds, with gradients good and bad.

`undefended` is trained on clean images, `pgd` on images of PGD, and `masked` on images of FGSM from
the clean image, until its gradients mislead: PGD finds far fewer adversarial images than there are.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from advlearn import attacks
from advlearn.settings.attack import AttackSettings, FgsmSettings, Norm, PgdSettings

Kind = Literal["undefended", "pgd", "masked"]

N_TEST = 400


@cache
def digits() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Training images (n, 1, 8, 8) in [0, 1] with their labels, then `N_TEST` test images."""
    found = load_digits()
    order = torch.randperm(len(found.data), generator=torch.Generator().manual_seed(0))
    images = torch.tensor(found.data / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)[order]
    labels = torch.tensor(found.target, dtype=torch.int64)[order]
    return images[N_TEST:], labels[N_TEST:], images[:N_TEST], labels[:N_TEST]


@cache
def trained(kind: Kind, norm: Norm, epsilon: float) -> nn.Module:
    """A convolutional network in evaluation mode, which callers share."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip
    against: dict[Kind, AttackSettings | None] = {
        "undefended": None,
        "pgd": PgdSettings(epsilon=epsilon, norm=norm, steps=7),
        "masked": FgsmSettings(epsilon=epsilon, norm=norm),
    }
    settings = against[kind]
    images, labels, *_ = digits()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    for epoch in range(15):
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(epoch))
        for rows in order.split(50):
            points = images[rows]
            if settings is not None:
                points = attacks.build(settings).run(network, points, labels[rows], seed=0)
            loss = nn.functional.cross_entropy(network.train()(points), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network.eval()
