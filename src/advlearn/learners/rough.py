"""Gradients in TF32, logits in float32.

On a GPU with tensor cores convolutions are several times faster in TF32, whose numbers have ten
bits after the first in place of 23. What an attack achieves is decided by logits, which stay in
float32; a direction that is off by a thousandth is as good a direction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from advlearn.settings.topk import Precision


@contextmanager
def with_gradients(network: nn.Module, precision: Precision) -> Iterator[nn.Module]:
    """The network with gradients of this precision, as long as the context lasts.

    Args:
        network: from images (m, ...) to logits (m, c), on any device.
        precision: ``tf32`` changes the backward pass of convolutions on a GPU of compute capability
            8.0 or more, and nothing elsewhere.
    """
    before = torch.backends.cudnn.allow_tf32
    try:
        yield _RoughGradients(network) if precision == "tf32" else network
    finally:
        # Also after a backward pass that was broken off, for want of memory.
        torch.backends.cudnn.allow_tf32 = before


class _RoughGradients(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        seen = _Passed.apply(images, False)  # type: ignore[no-untyped-call]
        logits: Tensor = _Passed.apply(self.network(seen), True)  # type: ignore[no-untyped-call]
        return logits


class _Passed(torch.autograd.Function):
    """Its argument; what the backward pass does after it is in TF32, or no longer."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, rough: bool) -> Tensor:
        ctx.rough = rough
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        torch.backends.cudnn.allow_tf32 = ctx.rough
        return gradients[0], None
