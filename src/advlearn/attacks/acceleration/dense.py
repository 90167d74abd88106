"""Which convolutions are products of matrices on a GPU, and how their weights are laid out.

The kernels are those of :mod:`advlearn.attacks.acceleration.products`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from advlearn.attacks.acceleration.fused import Geometry

_BLOCK, _DEPTH, _WARPS = 64, 16, 4
_LEAST, _MOST = 16, 128
"""Columns of a product: tensor cores take no fewer, and registers hold no more."""


def forward_suits(geometry: Geometry) -> bool:
    """Whether the convolution is one of these products; with pooling it is not."""
    return (
        not geometry.pool
        and geometry.channels % _DEPTH == 0
        and _columns_fit(geometry.out_channels)
    )


def backward_suits(geometry: Geometry) -> bool:
    """Whether its input gradient is."""
    return geometry.out_channels % _DEPTH == 0 and _columns_fit(
        geometry.stride**2 * geometry.channels
    )


def convolve(
    images: Tensor, weight: Tensor, bias: Tensor | None, output: Tensor, geometry: Geometry
) -> None:
    """Convolution [ReLU] of contiguous ``images``, into ``output``; at least one image."""
    from advlearn.attacks.acceleration import products

    grid = (-(-len(images) * output.shape[2] * output.shape[3] // _BLOCK),)
    sizes = {key: value for key, value in geometry.sizes().items() if key != "POOL"}
    products.forward[grid](
        images, weight.permute(2, 3, 1, 0).contiguous(), bias, output, len(images),
        **sizes, BLOCK=_BLOCK, DEPTH=_DEPTH, num_warps=_WARPS,
    )  # fmt: skip


def pull_back(
    gradient: Tensor,
    output: Tensor | None,
    where: Tensor | None,
    weight: Tensor,
    result: Tensor,
    geometry: Geometry,
) -> None:
    """The gradient by the images into ``result``, from a contiguous ``gradient``."""
    from advlearn.attacks.acceleration import products

    stride, padding = geometry.stride, geometry.padding
    # The places of the gradient that a tile of stride x stride pixels meets.
    low = -((geometry.kernel - 1 - padding) // stride)
    span = (stride - 1 + padding) // stride - low + 1
    count = len(result) * -(-geometry.height // stride) * -(-geometry.width // stride)
    sizes = {key: value for key, value in geometry.sizes().items() if key not in ("K", "P")}
    products.backward[(-(-count // _BLOCK),)](
        gradient, output, where, _taps(weight, stride, padding, low, span), result, len(result),
        **sizes, LOW=low, SPAN=span, BLOCK=_BLOCK, DEPTH=_DEPTH, num_warps=_WARPS,
    )  # fmt: skip


def _taps(weight: Tensor, stride: int, padding: int, low: int, span: int) -> Tensor:
    """(span, span, c', stride, stride, c): the tap from place ``low + u`` to pixel ``a`` of a tile.

    In one direction that is tap ``a + padding - stride (low + u)`` of the window, or none.
    """
    out_channels, channels, kernel, _ = weight.shape
    before = stride * (span - 1) - (padding - stride * low)
    after = stride * span - kernel - before
    padded = functional.pad(weight, (before, after, before, after))
    folded = padded.view(out_channels, channels, span, stride, span, stride).flip(2, 4)
    return folded.permute(2, 4, 0, 3, 5, 1).contiguous()


def _columns_fit(columns: int) -> bool:
    return _LEAST <= columns <= _MOST and columns & (columns - 1) == 0
