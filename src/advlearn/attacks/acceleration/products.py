"""Triton kernels of convolutions with many channels, as products of matrices.

A block of places times the weights: what is read of an activation serves all channels at once. The
products are made by the tensor cores of the GPU, each as three products in TF32, which leaves about
the rounding of float32 (``tf32x3``); sums are added in a fixed order.

Sizes are those of :mod:`advlearn.attacks.acceleration.kernels`; channels are multiples of 16.
"""

# The language of kernels is Triton's: Python's types do not describe it.
# mypy: ignore-errors

from __future__ import annotations

import triton
import triton.language as tl

_POINTERS = ["images", "gradient", "weight", "bias", "output", "where", "result"]


@triton.jit
def _places(n, PLACES: tl.constexpr, BLOCK: tl.constexpr):
    """First image of the program; of each entry: image after it, place in it, whether it exists."""
    start = tl.program_id(0).to(tl.int64) * BLOCK
    first = start // PLACES
    rest = (start % PLACES).to(tl.int32) + tl.arange(0, BLOCK)
    return first, rest // PLACES, rest % PLACES, rest // PLACES < n - first


@triton.jit(do_not_specialize=["n"], do_not_specialize_on_alignment=_POINTERS)
def forward(
    images, weight, bias, output, n,
    CI: tl.constexpr, H: tl.constexpr, W: tl.constexpr,
    CO: tl.constexpr, OH: tl.constexpr, OW: tl.constexpr,
    K: tl.constexpr, S: tl.constexpr, P: tl.constexpr,
    RELU: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """Convolution [ReLU]; ``weight`` is (K, K, CI, CO)."""
    first, image, place, inside = _places(n, OH * OW, BLOCK)
    top = place // OW * S - P
    left = place % OW * S - P
    source = images + first * (CI * H * W)
    channels = tl.arange(0, CO)
    total = tl.zeros((BLOCK, CO), tl.float32)
    for step in range(K * K * (CI // DEPTH)):
        tap, depth = step // (CI // DEPTH), step % (CI // DEPTH) * DEPTH + tl.arange(0, DEPTH)
        y, x = top + tap // K, left + tap % K
        seen = inside & (y >= 0) & (y < H) & (x >= 0) & (x < W)
        at = image * (CI * H * W) + y * W + x
        # Places lie side by side in memory: they are the last axis of what is read.
        read = tl.load(
            source + depth[:, None] * (H * W) + at[None, :], mask=seen[None, :], other=0.0
        )
        taps = tl.load(weight + (tap * CI + depth[:, None]) * CO + channels[None, :])
        total = tl.dot(tl.trans(read), taps, total, input_precision="tf32x3")
    if bias is not None:
        total += tl.load(bias + channels)[None, :]
    if RELU:
        # What is not a number stays.
        total = tl.where(total < 0.0, 0.0, total)
    to = output + first * (CO * OH * OW)
    at = (image * CO)[:, None] * (OH * OW) + channels[None, :] * (OH * OW) + place[:, None]
    tl.store(to + at, total, mask=inside[:, None])


@triton.jit(do_not_specialize=["n"], do_not_specialize_on_alignment=_POINTERS)
def backward(
    gradient, output, where, weight, result, n,
    CI: tl.constexpr, H: tl.constexpr, W: tl.constexpr,
    CO: tl.constexpr, OH: tl.constexpr, OW: tl.constexpr,
    S: tl.constexpr, LOW: tl.constexpr, SPAN: tl.constexpr,
    RELU: tl.constexpr, POOL: tl.constexpr, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """S x S pixels of the image an entry.

    ``weight`` is (SPAN, SPAN, CO, S, S, CI): which tap leads from a place of the gradient, LOW and
    on from that of the entry, to each of its pixels; 0 where none does.
    """
    TH: tl.constexpr = (H + S - 1) // S
    TW: tl.constexpr = (W + S - 1) // S
    ALL: tl.constexpr = S * S * CI
    first, image, place, inside = _places(n, TH * TW, BLOCK)
    row, column = place // TW, place % TW
    SIDE: tl.constexpr = 2 if POOL else 1
    PH: tl.constexpr = OH // SIDE
    PW: tl.constexpr = OW // SIDE
    base = first * (CO * PH * PW)
    pixels = tl.arange(0, ALL)
    total = tl.zeros((BLOCK, ALL), tl.float32)
    for step in range(SPAN * SPAN * (CO // DEPTH)):
        tap, depth = step // (CO // DEPTH), step % (CO // DEPTH) * DEPTH + tl.arange(0, DEPTH)
        y, x = row + LOW + tap // SPAN, column + LOW + tap % SPAN
        seen = inside & (y >= 0) & (y < PH * SIDE) & (x >= 0) & (x < PW * SIDE)
        at = image * (CO * PH * PW) + y // SIDE * PW + x // SIDE
        source = base + depth[:, None] * (PH * PW) + at[None, :]
        read = tl.load(gradient + source, mask=seen[None, :], other=0.0)
        if POOL:
            maximum = tl.load(where + source, mask=seen[None, :], other=4)
            read = tl.where(maximum == (y % 2 * 2 + x % 2)[None, :], read, 0.0)
        elif RELU:
            active = tl.load(output + source, mask=seen[None, :], other=0.0) > 0.0
            read = tl.where(active, read, 0.0)
        taps = tl.load(weight + (tap * CO + depth[:, None]) * ALL + pixels[None, :])
        total = tl.dot(tl.trans(read), taps, total, input_precision="tf32x3")
    channel, phase = pixels % CI, pixels // CI
    y = (row * S)[:, None] + (phase // S)[None, :]
    x = (column * S)[:, None] + (phase % S)[None, :]
    at = (image * (CI * H * W))[:, None] + (channel * (H * W))[None, :] + y * W + x
    kept = inside[:, None] & (y < H) & (x < W)
    tl.store(result + first * (CI * H * W) + at, total, mask=kept)
