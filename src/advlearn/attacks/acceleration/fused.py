"""A convolution with the ReLU and the 2x2 max-pooling that follow it, as one operation on a GPU."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_MOST_CHANNELS, _MOST_PAIRS = 64, 2048
"""Channels, and channels before times after: wider ones are what libraries are made for."""
_MOST_NUMBERS = 1 << 21
"""Numbers of an image or of its result up to which offsets within a program fit into 32 bits."""
_NARROW = 4
"""Channels that one thread takes whatever their number."""
_LARGEST_WINDOW, _LARGEST_STRIDE = 7, 4
_WARPS = 4
_THREADS = 32 * _WARPS


@dataclass(frozen=True)
class Geometry:
    """Sizes of the pattern: channels, height and width before and after the convolution.

    Attributes:
        kernel: side of the window.
        relu: whether ReLU follows.
        pool: whether 2x2 max-pooling with stride 2 follows; only with ReLU.
    """

    channels: int
    height: int
    width: int
    out_channels: int
    kernel: int
    stride: int
    padding: int
    relu: bool
    pool: bool

    @property
    def convolved(self) -> tuple[int, int]:
        """Height and width of the convolution's output."""
        height, width = (
            (side + 2 * self.padding - self.kernel) // self.stride + 1
            for side in (self.height, self.width)
        )
        return height, width

    @property
    def result(self) -> tuple[int, int, int]:
        """Channels, height and width of the result."""
        height, width = (side // 2 if self.pool else side for side in self.convolved)
        return self.out_channels, height, width

    def fits(self) -> bool:
        """Whether there is a result, and a thread and offsets of 32 bits are enough for it."""
        most = max(
            self.channels * self.height * self.width, self.out_channels * prod(self.convolved)
        )
        small = not self.pool or self.stride <= 2
        return small and min(self.result) > 0 and most <= _MOST_NUMBERS

    def sizes(self) -> dict[str, int | bool]:
        """Under the names that the kernels have for them."""
        height, width = self.convolved
        return {
            "CI": self.channels, "H": self.height, "W": self.width,
            "CO": self.out_channels, "OH": height, "OW": width,
            "K": self.kernel, "S": self.stride, "P": self.padding,
            "RELU": self.relu, "POOL": self.pool,
        }  # fmt: skip

    def forward_shape(self) -> tuple[int, int]:
        """Channels and places of a thread: as many sums as its registers hold."""
        group = _divisor(self.out_channels, 8 if self.pool else 16)
        if self.pool:
            return group, 1
        most = 2 if self.channels <= _NARROW else 4
        return group, _power(min(most, 64 // self.kernel**2))

    def backward_shape(self) -> tuple[int, int, int]:
        """Channels and tiles of a thread, and the side of a tile.

        A weight serves (tile / stride)^2 pixels of a tile, and neighbouring pixels share what is
        read of the gradient: a large tile is better, as far as it divides the sides. Where it
        would serve one, a thread takes several tiles.
        """
        tile = 2 * self.stride if self.pool or self.stride == 1 else self.stride
        if tile == 2 and self.kernel <= 5 and self._padded(4) <= 1.15 * self._padded(2):
            tile = 4
        alone = tile == self.stride
        if self.channels <= _NARROW:
            group = self.channels
        else:
            group = _divisor(self.channels, 8 if tile == 2 and not alone else 4)
        return group, _power(min(4, 96 // (group * tile**2))) if alone else 1, tile

    def _padded(self, tile: int) -> int:
        """Pixels of an image whose sides are rounded up to whole tiles."""
        return -(-self.height // tile) * -(-self.width // tile) * tile**2


def _divisor(channels: int, most: int) -> int:
    return max(size for size in range(1, max(1, most) + 1) if channels % size == 0)


def _power(number: int) -> int:
    """The largest power of two up to ``number``, at least 1."""
    return 1 << (max(1, number).bit_length() - 1)


def suits(module: nn.Module) -> bool:
    """Whether the kernels can compute ``module``, and faster than the library."""
    if type(module) is not nn.Conv2d or module.weight.dtype != torch.float32:
        return False
    if module._forward_hooks or module._forward_pre_hooks:
        return False
    kernel, stride, padding = module.kernel_size, module.stride, module.padding
    channels = (module.in_channels, module.out_channels)
    return (
        module.groups == 1
        and module.dilation == (1, 1)
        and module.padding_mode == "zeros"
        and not isinstance(padding, str)
        and all(pair[0] == pair[1] for pair in (kernel, stride, padding))
        and kernel[0] <= _LARGEST_WINDOW
        and stride[0] <= _LARGEST_STRIDE
        and max(channels) <= _MOST_CHANNELS
        and prod(channels) <= _MOST_PAIRS
        and all(count <= _NARROW or _divisor(count, 8) >= 4 for count in channels)
    )


class FusedConv2d(nn.Module):
    """Convolution [ReLU [max-pooling]] with an input gradient and no gradient of its weights.

    Args:
        convolution: one that :func:`suits`.
        relu: whether ReLU follows.
        pool: whether 2x2 max-pooling with stride 2 follows; only with ``relu``.
    """

    def __init__(self, convolution: nn.Conv2d, *, relu: bool, pool: bool) -> None:
        super().__init__()
        self.convolution, self.relu, self.pool = convolution, relu, pool

    def forward(self, images: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c', h', w'); what the kernels cannot do is left to the library."""
        one = self.convolution
        if images.ndim == 4 and images.shape[1] == one.in_channels:
            geometry = self._geometry(images)
            if images.dtype == one.weight.dtype == torch.float32 and geometry.fits():
                result: Tensor = _Fused.apply(  # type: ignore[no-untyped-call]
                    images, one.weight, one.bias, geometry
                )
                return result
        found: Tensor = one(images)
        found = found.relu() if self.relu else found
        return nn.functional.max_pool2d(found, 2) if self.pool else found

    def _geometry(self, images: Tensor) -> Geometry:
        one = self.convolution
        return Geometry(
            one.in_channels, images.shape[2], images.shape[3], one.out_channels,
            one.kernel_size[0], one.stride[0], int(one.padding[0]), self.relu, self.pool,
        )  # fmt: skip


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry
    ) -> Tensor:
        output, where = convolved(images, weight, bias, geometry)
        # Either says which gradients pass.
        ctx.save_for_backward(weight, output if where is None and geometry.relu else None, where)
        ctx.geometry = geometry
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weight, output, where = ctx.saved_tensors
        return pulled_back(gradients[0], output, where, weight, ctx.geometry), None, None, None


def convolved(
    images: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry
) -> tuple[Tensor, Tensor | None]:
    """The result (n, c', h', w'); with pooling also the place of each maximum, uint8 like it.

    Args:
        images: float32 (n, c, h, w).
        weight: (c', c, kernel, kernel).
        bias: (c',).
        geometry: what :meth:`Geometry.fits`.
    """
    from advlearn.attacks.acceleration import kernels

    n, (out_channels, height, width) = len(images), geometry.result
    output = images.new_empty((n, out_channels, height, width))
    where = torch.empty_like(output, dtype=torch.uint8) if geometry.pool else None
    group, places = geometry.forward_shape()
    block = _THREADS * places
    grid = (-(-n * height * width // block) * (out_channels // group),)
    if n:
        with _launching(images.device):
            kernels.forward[grid](
                images.contiguous(), weight.contiguous(), bias, output, where, n,
                **geometry.sizes(), GROUP=group, BLOCK=block, num_warps=_WARPS,
            )  # fmt: skip
    return output, where


def pulled_back(
    gradient: Tensor,
    output: Tensor | None,
    where: Tensor | None,
    weight: Tensor,
    geometry: Geometry,
) -> Tensor:
    """The gradient by the images (n, c, h, w) from that by the result (n, c', h', w').

    Args:
        gradient: of the result.
        output: the result, with ReLU and without pooling; else None.
        where: places of maxima, with pooling; else None.
        weight: (c', c, kernel, kernel).
        geometry: as for :func:`convolved`.
    """
    from advlearn.attacks.acceleration import kernels

    n, height, width = len(gradient), geometry.height, geometry.width
    result = gradient.new_empty((n, geometry.channels, height, width))
    group, tiles, tile = geometry.backward_shape()
    block = _THREADS * tiles
    count = n * -(-height // tile) * -(-width // tile)
    grid = (-(-count // block) * (geometry.channels // group),)
    if n:
        with _launching(gradient.device):
            kernels.backward[grid](
                gradient.contiguous(), output, where, weight.contiguous(), result, n,
                **geometry.sizes(), TILE=tile, GROUP=group, BLOCK=block, num_warps=_WARPS,
            )  # fmt: skip
    return result


@contextlib.contextmanager
def _launching(device: torch.device) -> Iterator[None]:
    """Triton starts kernels on the current device, and has errors of its own."""
    from advlearn.attacks.acceleration.kernels import TritonError

    try:
        with torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext():
            yield
    except TritonError as error:
        raise RuntimeError(f"the kernel cannot be built: {error}") from error
