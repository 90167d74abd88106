"""A network of the user's own is tried on two images, before hours are spent on it."""

from __future__ import annotations

from math import prod

import torch
from torch import nn

from advlearn.support.errors import UserError

_ALIKE = 0.01
"""Two logits of one image may differ by rounding, in half precision too: a share of the largest."""


def try_out(network: object, name: str, shape: tuple[int, int, int], n_classes: int) -> None:
    """Refuse a network that cannot be trained, attacked or stored; it stays as it was.

    Random numbers are drawn from a copy of the generator.

    Args:
        network: what the user's function returned.
        name: its name in the configuration.
        shape: channels, height and width of an image.
        n_classes: number of logits.

    Raises:
        UserError: it is no module, has no weights to train, does not return logits of the right
            shape in evaluation and in training, writes into the images, has other logits for an
            image the next time or in company, or cannot take back its own weights.
    """
    problem = None
    if not isinstance(network, nn.Module):
        problem = f"is no torch.nn.Module but a {type(network).__name__}"
    elif next(network.parameters(), None) is None:
        problem = "has no weights to train"
    elif not any(weights.requires_grad for weights in network.parameters()):
        problem = "has frozen weights only (requires_grad is False): none to train"
    else:
        modes = [(module, module.training) for module in network.modules()]
        try:
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                _try_calls(network, shape, n_classes)
        except _Unfit as error:
            problem = str(error)
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


class _Unfit(Exception):
    """What is wrong with the network, as the end of a sentence."""


def _try_calls(network: nn.Module, shape: tuple[int, int, int], n_classes: int) -> None:
    images = torch.linspace(0.1, 0.9, 2 * prod(shape)).reshape(2, *shape)
    network.eval()
    alone = _logits(network, images[:1], n_classes)
    both = _logits(network, images, n_classes)
    if not torch.equal(both.nan_to_num(), _logits(network, images, n_classes).nan_to_num()):
        raise _Unfit(
            "has other logits for the same images each time in evaluation mode;"
            " dropout, for one, is for training only"
        )
    largest = float(both.nan_to_num(posinf=0, neginf=0).abs().max())
    if not torch.allclose(alone, both[:1], rtol=0, atol=_ALIKE * largest, equal_nan=True):
        raise _Unfit(
            "mixes the images of a batch in evaluation mode: an image has other logits alone than"
            " beside another"
        )
    state = {key: value.clone() for key, value in network.state_dict().items()}
    network.train()
    try:
        # A training batch has at least two images.
        _logits(network, images, n_classes, " in training mode")
    finally:
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise _Unfit(f"cannot take back its own weights: {reason}") from error


def _logits(
    network: nn.Module, images: torch.Tensor, n_classes: int, when: str = ""
) -> torch.Tensor:
    given, n = images.clone(), len(images)
    try:
        logits = network(given)
    except Exception as error:
        raise _Unfit(
            f"cannot be applied to images of shape {tuple(images.shape)}{when}: {error}"
        ) from error
    found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if found != (n, n_classes):
        raise _Unfit(
            f"returns {found} for {n} images{when} in place of logits of shape {(n, n_classes)}"
        )
    if not logits.is_floating_point():
        raise _Unfit(f"returns logits of the type {logits.dtype}{when}, which is no floating point")
    if not torch.equal(given, images):
        raise _Unfit("writes into the images it is given; let it work on a copy, x.clone()")
    kept: torch.Tensor = logits.clone()
    return kept
