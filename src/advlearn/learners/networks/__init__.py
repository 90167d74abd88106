"""Classifiers: networks from images in [0, 1] to logits, built by name."""

from __future__ import annotations

from importlib import import_module

from torch import nn

from advlearn.learners.networks.trial import try_out
from advlearn.settings.network import FURTHER_NETWORKS, NETWORKS, AnyNetworkSettings
from advlearn.support.errors import UserError


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
    module_name, _, function = settings.name.partition(":")
    if not function:
        module_name, function = (NETWORKS | FURTHER_NETWORKS)[settings.name], "build"
    try:
        builder = getattr(import_module(module_name), function)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"cannot load the model {settings.name!r}: {error}",
            where="key 'model.name'",
            remedy="put the module on PYTHONPATH and name it as package.module:function",
        ) from error
    network: nn.Module = builder(settings, shape, n_classes)
    if ":" in settings.name:
        try_out(network, settings.name, shape, n_classes)
    return network
