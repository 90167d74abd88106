"""Small vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929) for small images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from advlearn.settings.network import VitSettings


class Block(nn.Module):
    """Self-attention and a perceptron, each after layer normalisation and beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (n, t, width) to tokens of the same shape."""
        x = x + self.project(self._attend(self.norm1(x)))
        x = x + self.perceptron(self.norm2(x))
        return x

    def _attend(self, x: Tensor) -> Tensor:
        n, tokens, width = x.shape
        split = self.qkv(x).view(n, tokens, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        # Written out: the fused kernels of torch have no deterministic gradient on every device.
        weights = (query @ key.mT * (width // self.heads) ** -0.5).softmax(dim=-1)
        seen: Tensor = weights @ value
        return seen.transpose(1, 2).reshape(n, tokens, width)


class Embedding(nn.Module):
    """Images to tokens by 3x3 convolutions of stride 2, with a learnt vector for each place.

    In place of one linear map a patch, which needs many more images (Xiao et al. 2021, arXiv
    2106.14881).
    """

    def __init__(self, shape: tuple[int, int, int], patch: int, width: int) -> None:
        super().__init__()
        before, height, breadth = shape
        halvings = patch.bit_length() - 1
        layers: list[nn.Module] = []
        for left in reversed(range(halvings)):
            after = max(width >> left, 4)
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
            before, height, breadth = after, (height + 1) // 2, (breadth + 1) // 2
        self.body = nn.Sequential(*layers, nn.Conv2d(before, width, 1))
        self.places = nn.Parameter(0.02 * torch.randn(height * breadth, width))

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, c, h, w) to tokens (n, t, width)."""
        tokens: Tensor = self.body(images).flatten(2).mT + self.places
        return tokens


class Mean(nn.Module):
    """Mean over the tokens: at this size it serves as well as a class token."""

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (n, t, width) to features (n, width)."""
        return x.mean(dim=1)


def build(settings: VitSettings, shape: tuple[int, int, int], n_classes: int) -> nn.Module:
    """Embedding, ``settings.depth`` blocks, layer normalisation, mean, linear layer."""
    return nn.Sequential(
        Embedding(shape, settings.patch, settings.width),
        *(Block(settings.width, settings.heads) for _ in range(settings.depth)),
        nn.LayerNorm(settings.width),
        Mean(),
        nn.Linear(settings.width, n_classes),
    )
