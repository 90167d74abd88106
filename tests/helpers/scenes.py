"""A small network with nine labels, and targets for its images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from advlearn.attacks.topk import TopkTargets, random_targets

K, LABELS = 3, 9


def small_network(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(11)
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3, stride=2, padding=1), nn.Tanh(),
        nn.Conv2d(6, 12, 3, stride=2, padding=1), nn.Tanh(),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(108, LABELS),
    )  # fmt: skip
    head = network[-1]
    assert isinstance(head, nn.Linear)
    with torch.no_grad():
        head.weight.mul_(8)
        sample = torch.rand((100, 1, 12, 12), generator=torch.Generator().manual_seed(2))
        head.bias.sub_(network.eval()(sample).mean(0))
    return network.eval().to(dtype)


def scenes(n: int = 30, dtype: torch.dtype = torch.float32) -> Tensor:
    images = torch.rand((n, 1, 12, 12), generator=torch.Generator().manual_seed(3), dtype=dtype)
    # Black and white pixels occur too.
    return ((images - 0.1) * 1.25).clamp(0, 1)


def targets_of(logits: Tensor, n_specified: int = 2) -> TopkTargets:
    """The top k and four further labels are relevant; two of the top k are specified."""
    relevant = torch.zeros_like(logits, dtype=torch.bool)
    relevant.scatter_(1, logits.argsort(1, descending=True)[:, [0, 1, 2, 4, 5, 7, 8]], True)
    eligible, targets = random_targets(logits, relevant, K, n_specified, range(len(logits)), seed=0)
    assert bool(eligible.all())
    return targets
