"""What the parts of benchmarks.gpu share: images, networks, sizes, and how they are timed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from advlearn.data.multilabel.scenes import compose
from advlearn.settings.multilabel import ScenesSettings
from benchmarks import common
from benchmarks.robust_accuracy import network
from benchmarks.robust_accuracy import train as train_classifier

_TRAINED: dict[tuple[str, float], nn.Module] = {}


class Sizes:
    """How much work there is; ``small`` to try the script on a CPU."""

    def __init__(self, small: bool) -> None:
        self.craft, self.test, self.train = (64, 32, 200) if small else (55_000, 10_000, 24_000)
        self.scenes, self.train_scenes, self.photos = (8, 100, 2) if small else (600, 10_000, 128)
        self.photo_side, self.one_by_one = (64, 1) if small else (300, 8)
        self.on_cpu = 4 if small else 100
        self.members, self.trained_on = (4, 500) if small else (64, 55_000)
        self.batches = (16, 32) if small else (5000, 10_000, 27_500, 55_000)
        self.rounds = 1 if small else 3


def digits(n: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images float32 (n, 1, 28, 28) in [0, 1] and their classes."""
    found = load_digits()
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randint(len(found.target), (n,), generator=generator)
    small = torch.from_numpy(found.images).float()[:, None] / 16
    large = nn.functional.interpolate(small, size=24, mode="bilinear", align_corners=False)
    padded = nn.functional.pad(large, (4, 4, 4, 4))
    down, right = torch.randint(5, (2, n, 1), generator=generator)
    rows, columns = (start + torch.arange(28) for start in (down, right))
    images = padded[chosen[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]
    labels = torch.from_numpy(found.target)[chosen].long()
    return images.contiguous().to(device), labels.to(device)


def scenes(count: int, split: Any) -> tuple[Tensor, Tensor]:
    """Scenes of digits and their relevant labels, on the CPU."""
    images, labels = digits(5000, torch.device("cpu"))
    pixels = (images * 255).round().byte().numpy()
    composed, relevant = compose(pixels, labels.numpy(), 10, ScenesSettings(), split, count)
    return torch.from_numpy(composed).float() / 255, torch.from_numpy(np.asarray(relevant))


@contextmanager
def as_it_comes() -> Iterator[None]:
    """Within the block PyTorch may choose algorithms that do not repeat themselves.

    The peers ask for nothing else; TF32 stays off for both sides.
    """
    mode = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("default")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)


def finished(work: Callable[[], Any], device: torch.device) -> Callable[[], Any]:
    """``work`` that ends when the device has ended it."""

    def call() -> Any:
        result = work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return result

    return call


def seconds(work: Callable[[], Any]) -> float:
    """Of one call, after one that is not counted."""
    work()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def best_batch(
    work: Callable[[int], object], count: int, sizes: Sizes, device: torch.device
) -> int:
    """The batch size with which ``work`` on ``count`` images takes least time."""
    tries = {
        size: seconds(finished(partial(work, size), device))
        for size in sizes.batches
        if size <= count
    }
    return min(tries, key=lambda size: tries[size])


def columns(timing: common.Timing) -> dict[str, float]:
    """What all comparisons tell."""
    return {
        "ours_s": timing.ours_s,
        "peer_s": timing.peer_s,
        "ratio": timing.ratio,
        "rounds": timing.rounds,
    }


def alike(one: Tensor, other: Tensor) -> Tensor:
    """Which pixels are the same to 1e-6."""
    return (one - other).abs() <= 1e-6


def share(flags: Tensor) -> float:
    """How many of ``flags`` are true."""
    return float(flags.double().mean())


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of the images that ``model`` classifies rightly."""
    with torch.no_grad():
        parts = zip(images.split(5000), labels.split(5000), strict=True)
        right = torch.cat([model(x).argmax(1) == y for x, y in parts])
    return float(right.double().mean())


def trained(name: str, radius: float, sizes: Sizes, device: torch.device) -> nn.Module:
    """A classifier trained on clean images, or with ``radius`` on adversarial ones."""
    if (name, radius) not in _TRAINED:
        images, labels = digits(sizes.train, device)
        model = network(name, 1, 28, 10).to(device)
        started = time.perf_counter()
        _TRAINED[name, radius] = train_classifier(model, images, labels, 2, radius)
        print(f"trained {name} {radius}: {time.perf_counter() - started:.1f} s", file=sys.stderr)
    return _TRAINED[name, radius]


def operations(model: nn.Module, image: Tensor) -> float:
    """Floating-point operations of a forward pass of one image and of its input gradient."""
    from torch.utils.flop_counter import FlopCounterMode

    point = image.clone().requires_grad_(True)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with FlopCounterMode(display=False) as counter:
        model(point).sum().backward()
    return float(counter.get_total_flops())


def matrix_rate(device: torch.device, side: int) -> float:
    """TFLOP/s of a product of two random float32 matrices, without TF32."""
    a, b = torch.rand((2, side, side), device=device)
    best = min(seconds(finished(lambda: a @ b, device)) for _ in range(5))
    return 2 * side**3 / best / 1e12
