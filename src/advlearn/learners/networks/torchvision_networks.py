"""Vision transformers, ConvNeXt and MobileNets of torchvision, with a head for several labels.

ViT: Dosovitskiy et al. 2021, arXiv 2010.11929; ConvNeXt: Liu et al. 2022, arXiv 2201.03545;
MobileNetV3: Howard et al. 2019, arXiv 1905.02244. What an image needs before it (another size,
three colours, mean and deviation of ImageNet) is done inside, so that an attack stays in pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import interpolate

from advlearn.learners.networks.imagenet_resnet import MEAN, STD, Normalise
from advlearn.learners.networks.pretrained_file import load_weights
from advlearn.learners.networks.torchvision_shim import torchvision_module
from advlearn.settings.network import TorchvisionSettings
from advlearn.support.errors import UserError


class Resize(nn.Module):
    """Bilinear interpolation to a square, as two products with constant matrices.

    So it has a deterministic gradient on every device, which torch's own has not.

    Args:
        height: of the images.
        width: of the images.
        side: of the square.
    """

    rows: Tensor
    columns: Tensor

    def __init__(self, height: int, width: int, side: int) -> None:
        super().__init__()
        self.register_buffer("rows", _weights(height, side), persistent=False)
        self.register_buffer("columns", _weights(width, side).T.contiguous(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, c, h, w) to images (n, c, side, side)."""
        resized: Tensor = self.rows @ images @ self.columns
        return resized


class Colour(nn.Module):
    """Grey images as colour images of three equal channels."""

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, 1, h, w) to images (n, 3, h, w)."""
        return images.expand(-1, 3, -1, -1)


class WrittenOut(nn.Module):
    """A network whose attention is computed step by step.

    The fused kernels of torch have no deterministic gradient on every device.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Images to logits."""
        with sdpa_kernel(SDPBackend.MATH):
            logits: Tensor = self.network(images)
        return logits


def build(settings: TorchvisionSettings, shape: tuple[int, int, int], n_classes: int) -> nn.Module:
    """Build the network; the head is random unless the file has one of ``n_classes`` logits.

    Raises:
        UserError: the images have neither one channel nor three or are too small, or the weights
            cannot be read or do not fit.
    """
    channels, height, width = shape
    if channels not in (1, 3):
        raise UserError(
            f"{settings.name} takes grey or colour images, not {channels} channels",
            where="configuration key 'topk.models.MODEL.network.name'",
            remedy="use mlp, cnn, resnet or vit",
        )
    settings.check_side(min(height, width), "topk.models.MODEL.network")
    side = settings.side
    own = {} if settings.patch is None else {"image_size": side}
    network: nn.Module = getattr(torchvision_module("models"), settings.name)(
        num_classes=n_classes, **own
    )
    if settings.weights is not None:
        load_weights(network, settings.weights)
    layers: list[nn.Module] = []
    if side is not None and (height, width) != (side, side):
        layers.append(Resize(height, width, side))
    if channels == 1:
        layers.append(Colour())
    return nn.Sequential(
        *layers, Normalise(MEAN, STD), network if settings.patch is None else WrittenOut(network)
    )


def _weights(length: int, side: int) -> Tensor:
    """(side, length): what each pixel of a line gives to each pixel of the resized line."""
    lines = interpolate(
        torch.eye(length)[None, None],
        size=(side, length),
        mode="bilinear",
        align_corners=False,
        antialias=True,  # where it becomes smaller, every pixel counts
    )
    return lines[0, 0].contiguous()
