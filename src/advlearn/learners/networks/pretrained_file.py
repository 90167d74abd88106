"""Weights of torchvision's networks from a file of the user's, checked before they are used."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from advlearn.support.errors import UserError


def load_weights(network: nn.Module, path: Path) -> None:
    """Write the weights of a file into a network, but a head of another number of logits.

    Args:
        network: one of torchvision's, which ends in a linear layer.
        path: .safetensors, or .pth with nothing but tensors, with torchvision's names.

    Raises:
        UserError: the file cannot be read, or holds the weights of another network.
    """
    found, expected = _read(path), network.state_dict()
    head = _head(network)
    if any(name in found and found[name].shape != expected[name].shape for name in head):
        found = {name: value for name, value in found.items() if name not in head}
    wrong = sorted(
        name
        for name in {*found, *expected} - head
        # Counters of batches, absent from older files, do not enter the result.
        if not name.endswith("num_batches_tracked")
        and (name not in found or name not in expected or found[name].shape != expected[name].shape)
    )
    if wrong:
        raise UserError(
            f"the weights do not fit: {len(wrong)} tensors are missing, unexpected or of another "
            f"shape, the first are {', '.join(wrong[:3])}",
            where=f"configuration key 'topk.models.MODEL.network.weights': {path}",
            remedy=_remedy(wrong),
        )
    network.load_state_dict({name: value.float() for name, value in found.items()}, strict=False)


def _head(network: nn.Module) -> set[str]:
    """Names of the tensors of the last linear layer."""
    linear = [name for name, each in network.named_modules() if isinstance(each, nn.Linear)]
    return {f"{linear[-1]}.weight", f"{linear[-1]}.bias"}


def _remedy(wrong: list[str]) -> str:
    if wrong == ["encoder.pos_embedding"]:
        return "set 'input_size' to the side of the images that the weights were trained on"
    return "give weights of this very network, with torchvision's names of the tensors"


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
            raise ValueError("it is no mapping of names to tensors")
    except (
        *(OSError, EOFError, ValueError, KeyError, RuntimeError),
        *(UnpicklingError, SafetensorError),
    ) as error:
        raise UserError(
            f"the weights cannot be read: {str(error).splitlines()[0] if str(error) else error!r}",
            where=f"configuration key 'topk.models.MODEL.network.weights': {path}",
            remedy="give a .safetensors file, or a .pth file that holds nothing but tensors",
        ) from error
    return found
