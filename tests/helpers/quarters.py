"""A multi-label task that small networks learn: which quarters of an image are bright."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from advlearn.data.multilabel.store import MultiLabelSplit, StoredImages
from advlearn.learners.networks import build
from advlearn.settings.multilabel import MultiLabelTraining
from advlearn.settings.network import (
    AnyNetworkSettings,
    NetworkSettings,
    ResnetSettings,
    VitSettings,
)

CLASSES = 4


def quarters(n: int, seed: int) -> MultiLabelSplit:
    """Images whose label j says whether quarter j is bright."""
    draw = np.random.default_rng(seed)
    labels = draw.random((n, CLASSES)) < 0.5
    pixels = draw.integers(0, 120, (n, 1, 8, 8))
    for j in range(CLASSES):
        top, left = 4 * (j // 2), 4 * (j % 2)
        pixels[:, :, top : top + 4, left : left + 4] += 120 * labels[:, j, None, None, None]
    return MultiLabelSplit(
        labels, [str(i) for i in range(n)], StoredImages(pixels.astype(np.uint8))
    )


TRAIN, VALIDATION = quarters(96, 0), quarters(48, 1)


def network(name: str = "mlp", seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    known: dict[str, AnyNetworkSettings] = {
        "mlp": NetworkSettings(hidden=(16,)),
        "dropout": NetworkSettings(hidden=(16,), dropout=0.5),
        "resnet": ResnetSettings(widths=(8,)),
        "vit": VitSettings(patch=4, width=16, depth=1, heads=2),
    }
    return build(known[name], (1, 8, 8), CLASSES)


def training(**changes: object) -> MultiLabelTraining:
    values = {"epochs": 3, "batch_size": 16, "learning_rate": 0.01, **changes}
    return MultiLabelTraining.model_validate(values)
