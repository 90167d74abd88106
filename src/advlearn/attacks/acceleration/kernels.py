"""Triton kernels of a convolution with what follows it, and of its input gradient.

All activations are contiguous (n, c, h, w), float32. ``POOL`` means 2x2 max-pooling with stride 2
of the convolution's output; beside the pooled activation, ``where`` (n, c, h, w), uint8, then says
which of the four places was the maximum (0 to 3 by rows, the first one of equals), or 4 if ReLU cut
it off. Each kernel writes every number once and adds in a fixed order, so the same input gives the
same bytes.

A thread computes a few places, side by side in memory with those of its neighbours, of ``GROUP``
channels, and goes through the other channels one by one: the weights are the same for all threads,
and what is read of an activation serves all places and channels of the thread. Programs that differ
in their channels alone are neighbours, since they read the same. Offsets from the first image of a
program fit into 32 bits; the offset of that image has 64.

Sizes: ``CI``, ``H``, ``W`` of the input, ``CO``, ``OH``, ``OW`` of the convolution's output, ``K``
side of its window, ``S`` stride, ``P`` padding. ``weight`` is (CO, CI, K, K).
"""

# The language of kernels is Triton's: Python's types do not describe it.
# mypy: ignore-errors

from __future__ import annotations

import triton
import triton.language as tl
from triton.errors import TritonError as TritonError

# One compilation serves any number of images, wherever they lie in memory.
_POINTERS = ["images", "gradient", "weight", "bias", "output", "where", "result"]


@triton.jit
def _places(n, PLACES: tl.constexpr, GROUPS: tl.constexpr, BLOCK: tl.constexpr):
    """First image of the program; of each entry: image after it, place in it, whether it exists."""
    start = (tl.program_id(0) // GROUPS).to(tl.int64) * BLOCK
    first = start // PLACES
    rest = (start % PLACES).to(tl.int32) + tl.arange(0, BLOCK)
    return first, rest // PLACES, rest % PLACES, rest // PLACES < n - first


@triton.jit(do_not_specialize=["n"], do_not_specialize_on_alignment=_POINTERS)
def forward(
    images, weight, bias, output, where, n,
    CI: tl.constexpr, H: tl.constexpr, W: tl.constexpr,
    CO: tl.constexpr, OH: tl.constexpr, OW: tl.constexpr,
    K: tl.constexpr, S: tl.constexpr, P: tl.constexpr,
    RELU: tl.constexpr, POOL: tl.constexpr, GROUP: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One place of ``output`` an entry of the block: with ``POOL`` four places of the convolution.

    ``bias`` is (CO,), or None.
    """
    SIDE: tl.constexpr = 2 if POOL else 1
    PH: tl.constexpr = OH // SIDE
    PW: tl.constexpr = OW // SIDE
    PATCH: tl.constexpr = (SIDE - 1) * S + K
    first, image, place, inside = _places(n, PH * PW, CO // GROUP, BLOCK)
    top = place // PW * (SIDE * S) - P
    left = place % PW * (SIDE * S) - P
    source = images + first * (CI * H * W)
    group = tl.program_id(0) % (CO // GROUP) * GROUP
    totals = ()
    for _ in tl.static_range(GROUP * SIDE * SIDE):
        totals = totals + (tl.zeros((BLOCK,), tl.float32),)
    for c in range(CI):
        patch = ()
        for u in tl.static_range(PATCH):
            for v in tl.static_range(PATCH):
                y, x = top + u, left + v
                seen = inside & (y >= 0) & (y < H) & (x >= 0) & (x < W)
                at = (image * CI + c) * (H * W) + y * W + x
                patch = patch + (tl.load(source + at, mask=seen, other=0.0),)
        added = ()
        for g in tl.static_range(GROUP):
            taps = ()
            for t in tl.static_range(K * K):
                taps = taps + (tl.load(weight + ((group + g) * CI + c) * (K * K) + t),)
            for q in tl.static_range(SIDE * SIDE):
                total = totals[g * SIDE * SIDE + q]
                for t in tl.static_range(K * K):
                    total += (
                        taps[t] * patch[(q // SIDE * S + t // K) * PATCH + q % SIDE * S + t % K]
                    )
                added = added + (total,)
        totals = added
    to = first * (CO * PH * PW)
    for g in tl.static_range(GROUP):
        best = totals[g * SIDE * SIDE]
        chosen = tl.zeros((BLOCK,), tl.int32)
        for q in tl.static_range(1, SIDE * SIDE):
            total = totals[g * SIDE * SIDE + q]
            # What is not a number stays, as in PyTorch.
            better = (total > best) | (total != total)
            chosen = tl.where(better, q, chosen)
            best = tl.where(better, total, best)
        if bias is not None:
            best += tl.load(bias + group + g)
        if RELU:
            chosen = tl.where(best <= 0.0, 4, chosen)
            best = tl.where(best < 0.0, 0.0, best)
        at = (image * CO + group + g) * (PH * PW) + place
        tl.store(output + to + at, best, mask=inside)
        if POOL:
            tl.store(where + to + at, chosen.to(tl.uint8), mask=inside)


@triton.jit(do_not_specialize=["n"], do_not_specialize_on_alignment=_POINTERS)
def backward(
    gradient, output, where, weight, result, n,
    CI: tl.constexpr, H: tl.constexpr, W: tl.constexpr,
    CO: tl.constexpr, OH: tl.constexpr, OW: tl.constexpr,
    K: tl.constexpr, S: tl.constexpr, P: tl.constexpr,
    RELU: tl.constexpr, POOL: tl.constexpr, TILE: tl.constexpr,
    GROUP: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """A tile of TILE x TILE pixels an entry: TILE is a multiple of S, with ``POOL`` of 2 S.

    Row ``y = TILE i + a`` of the input meets row ``o`` of the convolution's output by row
    ``y + P - S o`` of the window: with ``o = TILE / S i + d`` that is ``a + P - S d`` in all tiles.
    """
    SIDE: tl.constexpr = 2 if POOL else 1
    PH: tl.constexpr = OH // SIDE
    PW: tl.constexpr = OW // SIDE
    STEP: tl.constexpr = TILE // S // SIDE
    TH: tl.constexpr = (H + TILE - 1) // TILE
    TW: tl.constexpr = (W + TILE - 1) // TILE
    # The rows of the convolution's output that a tile meets: d from LOW to LOW + SPAN - 1.
    LOW: tl.constexpr = -((K - 1 - P) // S)
    SPAN: tl.constexpr = (TILE - 1 + P) // S - LOW + 1
    first, image, place, inside = _places(n, TH * TW, CI // GROUP, BLOCK)
    row, column = place // TW, place % TW
    base = first * (CO * PH * PW)
    group = tl.program_id(0) % (CI // GROUP) * GROUP
    totals = ()
    for _ in tl.static_range(GROUP * TILE * TILE):
        totals = totals + (tl.zeros((BLOCK,), tl.float32),)
    for o in range(CO):
        window = ()
        for u in tl.static_range(SPAN):
            for v in tl.static_range(SPAN):
                # Rounded down: LOW may be negative.
                y, x = row * STEP + (LOW + u) // SIDE, column * STEP + (LOW + v) // SIDE
                seen = inside & (y >= 0) & (y < PH) & (x >= 0) & (x < PW)
                at = (image * CO + o) * (PH * PW) + y * PW + x
                value = tl.load(gradient + base + at, mask=seen, other=0.0)
                if POOL:
                    maximum = tl.load(where + base + at, mask=seen, other=4)
                    value = tl.where(maximum == (LOW + u) % 2 * 2 + (LOW + v) % 2, value, 0.0)
                elif RELU:
                    active = tl.load(output + base + at, mask=seen, other=0.0) > 0.0
                    value = tl.where(active, value, 0.0)
                window = window + (value,)
        added = ()
        for g in tl.static_range(GROUP):
            taps = ()
            for t in tl.static_range(K * K):
                taps = taps + (tl.load(weight + (o * CI + group + g) * (K * K) + t),)
            for a in tl.static_range(TILE):
                for b in tl.static_range(TILE):
                    total = totals[(g * TILE + a) * TILE + b]
                    for i in tl.static_range((a + P) % S, K, S):
                        for j in tl.static_range((b + P) % S, K, S):
                            total += (
                                taps[i * K + j]
                                * window[((a + P - i) // S - LOW) * SPAN + (b + P - j) // S - LOW]
                            )
                    added = added + (total,)
        totals = added
    to = first * (CI * H * W)
    for g in tl.static_range(GROUP):
        for a in tl.static_range(TILE):
            for b in tl.static_range(TILE):
                y, x = row * TILE + a, column * TILE + b
                at = (image * CI + group + g) * (H * W) + y * W + x
                kept = inside & (y < H) & (x < W)
                tl.store(result + to + at, totals[(g * TILE + a) * TILE + b], mask=kept)
