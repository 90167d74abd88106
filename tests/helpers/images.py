"""Tiny networks and images; nothing is trained and nothing downloaded."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def small_network(kind: str = "conv", dtype: torch.dtype = torch.float32) -> nn.Module:
    """A network on (n, 1, 8, 8) images with three classes and fixed random weights."""
    torch.manual_seed(7)
    layers: list[nn.Module]
    if kind == "linear":
        layers = [nn.Flatten(), nn.Linear(64, 3)]
    elif kind == "mlp":
        layers = [nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 3)]
    elif kind == "conv":
        layers = [
            nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(32, 3),
        ]  # fmt: skip
    else:
        raise ValueError(kind)
    network = nn.Sequential(*layers)
    with torch.no_grad():
        # Centred logits: all classes occur and some images are easy to fool, others not.
        sample = torch.rand((200, 1, 8, 8), generator=torch.Generator().manual_seed(2))
        network[-1].bias -= network.eval()(sample).mean(0)
    return network.train().to(dtype)


def labelled_images(
    model: nn.Module, n: int = 23, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """Random images with the model's own predictions as labels, a few of them made wrong."""
    images = torch.rand((n, 1, 8, 8), generator=torch.Generator().manual_seed(1), dtype=dtype)
    mode = model.training
    with torch.no_grad():
        labels = model.eval()(images).argmax(1)
    model.train(mode)
    labels[::7] = (labels[::7] + 1) % 3
    return images, labels
