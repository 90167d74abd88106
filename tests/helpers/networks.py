"""The layers of networks that the library builds."""

from __future__ import annotations

from typing import Any

from torch import nn


def layers(network: nn.Module) -> Any:
    """The network as the sequence of layers that it is; what a layer has depends on its kind."""
    assert isinstance(network, nn.Sequential)
    return network
