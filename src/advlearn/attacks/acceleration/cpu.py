"""The same function with an input gradient that is cheaper on a CPU.

Three exact rewritings:

- channels_last weights and activations: max-pooling is vectorised over channels;
- max-pooling before ReLU instead of after: ReLU is monotone, so the two commute, and ReLU then
  touches a quarter of the numbers;
- the gradient of the first convolution, which has one or three input channels, as one matrix
  product and k*k shifted sums: libraries are slow where a channel dimension is that narrow.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

# Convolutions with at most this many input channels get the matrix-product gradient.
_NARROW = 4


def rewritten(model: nn.Module) -> nn.Module:
    """``model`` in its cheaper form; its own modules are taken apart."""
    return _replaced(model).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _replaced(module: nn.Module) -> nn.Module:
    if type(module) is nn.Sequential:
        children = [_replaced(child) for child in module]
        for first in range(len(children) - 1):
            pair = children[first], children[first + 1]
            if type(pair[0]) is nn.ReLU and type(pair[1]) is nn.MaxPool2d:
                children[first], children[first + 1] = pair[1], pair[0]
        return nn.Sequential(*children)
    if type(module) is nn.Conv2d and _suits(module):
        return NarrowConv2d(module)
    for name, child in module.named_children():
        setattr(module, name, _replaced(child))
    return module


def _suits(convolution: nn.Conv2d) -> bool:
    return (
        convolution.in_channels <= _NARROW
        and convolution.groups == 1
        and convolution.dilation == (1, 1)
        and convolution.padding_mode == "zeros"
        and not isinstance(convolution.padding, str)
    )


class NarrowConv2d(nn.Module):
    """A convolution of few input channels whose gradient is a matrix product.

    Args:
        convolution: the same with the library's gradient, of which the weights are used.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self.stride, self.padding = convolution.stride, convolution.padding

    def forward(self, images: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c', h', w')."""
        outputs: Tensor = _NarrowConvolution.apply(  # type: ignore[no-untyped-call]
            images, self.weight, self.bias, self.stride, self.padding
        )
        return outputs


class _NarrowConvolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
    ) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.shape, ctx.stride, ctx.padding = images.shape, stride, padding
        return nn.functional.conv2d(images, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        gradient = gradients[0]
        n, channels, height, width = ctx.shape
        outputs, _, rows, columns = weight.shape
        (down, right), (top, left) = ctx.stride, ctx.padding
        out_height, out_width = gradient.shape[2:]
        # (c * rows * columns, outputs) @ (outputs, n * out_height * out_width)
        flat = gradient.permute(0, 2, 3, 1).reshape(-1, outputs)
        taps = (weight.permute(1, 2, 3, 0).reshape(-1, outputs) @ flat.t()).view(
            channels, rows, columns, n, out_height, out_width
        )
        padded = gradient.new_zeros(
            (
                channels,
                n,
                max(height + 2 * top, (out_height - 1) * down + rows),
                max(width + 2 * left, (out_width - 1) * right + columns),
            )
        )
        for row in range(rows):
            for column in range(columns):
                padded[
                    :,
                    :,
                    row : row + down * (out_height - 1) + 1 : down,
                    column : column + right * (out_width - 1) + 1 : right,
                ] += taps[:, row, column]
        inner = padded[:, :, top : top + height, left : left + width].transpose(0, 1)
        return inner, None, None, None, None
