"""ResNet-50 and ResNet-101 of torchvision (He et al. 2016, arXiv 1512.03385), with a new head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from advlearn.learners.networks.pretrained_file import load_weights
from advlearn.learners.networks.torchvision_shim import torchvision_module
from advlearn.settings.network import ImagenetResnetSettings
from advlearn.support.errors import UserError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the channels of ImageNet, as torchvision's weights expect them."""


class Normalise(nn.Module):
    """Images in [0, 1] to mean 0 and standard deviation 1 a channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, c, h, w) to images of the same shape."""
        return (images - self.mean) / self.std


def build(
    settings: ImagenetResnetSettings, shape: tuple[int, int, int], n_classes: int
) -> nn.Module:
    """Build the network; the head is random unless the file has one of ``n_classes`` logits.

    Raises:
        UserError: the images have no three channels, or the weights cannot be read or do not fit.
    """
    if shape[0] != 3:
        raise UserError(
            f"{settings.name} takes colour images, not {shape[0]} channel(s)",
            where="configuration key 'topk.models.MODEL.network.name'",
            remedy="use mlp, cnn, resnet, vit, or another network of torchvision",
        )
    network: nn.Module = getattr(torchvision_module("models"), settings.name)(num_classes=n_classes)
    if settings.stride_in_1x1:
        for stage in ("layer2", "layer3", "layer4"):
            for convolution, stride in (("conv1", (2, 2)), ("conv2", (1, 1))):
                setattr(network.get_submodule(f"{stage}.0.{convolution}"), "stride", stride)  # noqa: B010
    if settings.weights == "imagenet":
        raise ValueError("obtain the ImageNet weights first, and give their path")
    if settings.weights is not None:
        load_weights(network, settings.weights)
    return nn.Sequential(Normalise(MEAN, STD), network)
