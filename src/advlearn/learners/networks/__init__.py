"""Classifiers: networks from images in [0, 1] to logits, built by name."""

from __future__ import annotations

from importlib import import_module
from math import prod

import torch
from torch import nn

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
            file of weights. An own network is tried on one and on two images: it must return logits
            of the right shape, leave the images as they are, and have weights.
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
        _try_out(network, settings.name, shape, n_classes)
    return network


def _try_out(network: nn.Module, name: str, shape: tuple[int, int, int], n_classes: int) -> None:
    """Apply an own network to images once, before hours are spent on it; draws no number."""
    problem = None
    if not isinstance(network, nn.Module):
        problem = f"is no torch.nn.Module but a {type(network).__name__}"
    elif next(network.parameters(), None) is None:
        problem = "has no weights to train"
    else:
        modes = [(module, module.training) for module in network.modules()]
        try:
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                problem = _problem(network.eval(), shape, n_classes)
        finally:
            for module, mode in modes:
                module.training = mode
    if problem:
        raise UserError(
            f"the model {name!r} {problem}",
            where="key 'model.name' or 'network.name'",
            remedy=f"let the function return a module from images (n, {', '.join(map(str, shape))})"
            f" in [0, 1] to logits (n, {n_classes}) (docs/own-model.md)",
        )


def _problem(network: nn.Module, shape: tuple[int, int, int], n_classes: int) -> str | None:
    for n in (1, 2):
        images = torch.linspace(0.1, 0.9, n * prod(shape)).reshape(n, *shape)
        given = images.clone()
        try:
            logits = network(given)
        except Exception as error:  # noqa: BLE001 (whatever a user's code raises)
            return f"cannot be applied to images of shape {tuple(images.shape)}: {error}"
        found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        if found != (n, n_classes):
            return f"returns {found} for {n} images in place of logits of shape {(n, n_classes)}"
        if not torch.equal(given, images):
            return "writes into the images it is given; let it work on a copy, x.clone()"
    return None
