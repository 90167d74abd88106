"""Small residual network (He et al. 2016, arXiv 1512.03385) for small images."""

from __future__ import annotations

from torch import Tensor, nn

from advlearn.settings.network import ResnetSettings


class Block(nn.Module):
    """Basic block: two 3x3 convolutions beside a shortcut (a 1x1 convolution where sizes change).

    Batch normalisation, since it costs next to nothing in evaluation mode, in which networks are
    attacked; there each image's logits depend on that image alone.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Feature maps (n, before, h, w) to (n, after, h / stride, w / stride), rounded up."""
        return nn.functional.relu(self.body(x) + self.shortcut(x))


def build(settings: ResnetSettings, shape: tuple[int, int, int], n_classes: int) -> nn.Module:
    """A 5x5 convolution with stride 4, stages of halving size, mean over places, linear layer."""
    width = settings.widths[0]
    layers: list[nn.Module] = [
        nn.Conv2d(shape[0], width, 5, stride=4, padding=2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    ]
    for stage, after in enumerate(settings.widths):
        for block in range(settings.blocks):
            layers.append(Block(width, after, 2 if stage and not block else 1))
            width = after
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, n_classes)]
    return nn.Sequential(*layers)
