"""Networks in files: safetensors whose header names the architecture."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from advlearn.learners.networks import build
from advlearn.settings.network import SCALE_OF_PIXELS, AnyNetworkSettings, network_settings
from advlearn.support.codedigest import own_function_digest
from advlearn.support.errors import REBUILT, UserError
from advlearn.support.io import atomic_path

State = dict[str, torch.Tensor]


def save_networks(
    path: Path,
    states: dict[str, State],
    settings: AnyNetworkSettings,
    shape: tuple[int, int, int],
    n_classes: int,
) -> None:
    """Write named states of one architecture into one file; tensor keys are ``name/parameter``.

    The file stands for itself: where the weights once started from is not written into it.
    """
    architecture = settings.model_dump(mode="json")
    if "weights" in architecture:
        architecture["weights"] = None
    for key, value in SCALE_OF_PIXELS.items():
        # A network that sees pixels is written as before there was another scale.
        if architecture.get(key) == value:
            del architecture[key]
    # Weights that layers share are written twice: safetensors refuses tensors in common memory.
    tensors = {
        f"{name}/{key}": value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, state in states.items()
        for key, value in state.items()
    }
    # One entry: safetensors writes several in an order that changes from run to run.
    header = {
        "advlearn": json.dumps(
            {
                "architecture": architecture,
                "shape": shape,
                "n_classes": n_classes,
                "names": list(states),
                "digest": _digest(tensors),
            },
            sort_keys=True,
        )
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=header)


def load_networks(path: Path) -> tuple[nn.Module, dict[str, State]]:
    """Read a file of :func:`save_networks`: an untrained network and the named states it can load.

    Raises:
        UserError: the file is missing, damaged or not written by this project.
    """
    try:
        with safe_open(path, framework="pt") as archive:
            header = json.loads((archive.metadata() or {})["advlearn"])
            settings = network_settings(header["architecture"])
            network = build(settings, tuple(header["shape"]), header["n_classes"])
            states: dict[str, State] = {name: {} for name in header["names"]}
            for key in archive.keys():  # noqa: SIM118 (safe_open is no mapping)
                name, _, parameter = key.partition("/")
                states[name][parameter] = archive.get_tensor(key)
            tensors = {f"{name}/{key}": v for name, one in states.items() for key, v in one.items()}
            if header.get("digest", "") not in ("", _digest(tensors)):
                raise ValueError("the weights are not those that were written")
    except UserError:
        raise
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise _unreadable(path, error) from error
    return network, states


def own_network_digest(path: Path) -> str | None:
    """Digest of the source of a user's own network in a file, none for the registered ones.

    Raises:
        UserError: the file is damaged, or the network's module is not on Python's path.
    """
    try:
        with safe_open(path, framework="pt") as archive:
            name = json.loads((archive.metadata() or {})["advlearn"])["architecture"]["name"]
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise _unreadable(path, error) from error
    return own_function_digest(name)


def load_network(path: Path, name: str = "classifier") -> nn.Module:
    """Read one network with its weights, in evaluation mode.

    Raises:
        UserError: the file is damaged or holds no network of that name.
    """
    network, states = load_networks(path)
    if name not in states:
        raise UserError(
            f"no network {name!r} in the file",
            where=str(path),
            remedy=f"it holds: {', '.join(states)}",
        )
    network.load_state_dict(states[name])
    return network.eval()


def _digest(tensors: State) -> str:
    """Hexadecimal digest of named tensors, whatever their order."""
    total = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(
        f"cannot read network weights: {error}",
        where=str(path),
        remedy=REBUILT,
    )
