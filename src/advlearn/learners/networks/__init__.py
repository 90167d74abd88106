"""Classifiers: networks from images in [0, 1] to logits, built by name."""

from __future__ import annotations

from importlib import import_module

from torch import nn

from advlearn.learners.networks.trial import try_out
from advlearn.settings.network import FURTHER_NETWORKS, NETWORKS, AnyNetworkSettings
from advlearn.support.own import load_own


def build(settings: AnyNetworkSettings, shape: tuple[int, int, int], n_classes: int) -> nn.Module:
    """Build an untrained network, or one of torchvision with the weights of a file.

    An own network is named ``package.module:function``; the function takes the same three
    arguments and returns a module.

    Args:
        settings: architecture.
        shape: channels, height and width of an image.
        n_classes: number of logits.

    Returns:
        Module that maps float images (n, c, h, w) in [0, 1] to logits (n, n_classes).

    Raises:
        UserError: an own network cannot be imported, or the network does not fit the images or the
            file of weights. An own network is tried, see ``trial.try_out``.
    """
    if ":" in settings.name:
        builder = load_own(settings.name, "model", "key 'model.name'")
    else:
        builder = import_module((NETWORKS | FURTHER_NETWORKS)[settings.name]).build
    network: nn.Module = builder(settings, shape, n_classes)
    if ":" in settings.name:
        try_out(network, settings.name, shape, n_classes)
    return network
