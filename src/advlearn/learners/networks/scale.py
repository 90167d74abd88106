"""The scale in which a network sees pixels: a first layer without weights."""

from __future__ import annotations

from torch import Tensor, nn

from advlearn.settings.network import SCALE_OF_PIXELS, NetworkSettings


class Scale(nn.Module):
    """``(images - mean) / deviation``.

    Args:
        mean: what becomes 0.
        deviation: what becomes 1 above it; above 0.
    """

    def __init__(self, mean: float, deviation: float) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation

    def forward(self, images: Tensor) -> Tensor:
        """(n, c, h, w) to the same shape."""
        return (images - self.mean) / self.deviation


def first_layers(settings: NetworkSettings) -> list[nn.Module]:
    """The layer of the settings' scale; none where the network sees pixels as they are."""
    if all(getattr(settings, key) == value for key, value in SCALE_OF_PIXELS.items()):
        return []
    return [Scale(settings.input_mean, settings.input_deviation)]
