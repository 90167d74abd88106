"""The L-infinity and the L2 ball, with the conventions of Foolbox (Rauber et al. 2020)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from advlearn.budgets.base import Box, Budget
from advlearn.support.finite import deferred_checks

# Foolbox divides by at least this, so a zero gradient or perturbation stays zero.
_SMALLEST_NORM = 1e-12

_PIXELS_AT_ONCE, _ON_GPU = 50_000, 50_000_000


@dataclass(frozen=True)
class LinfBall(Budget):
    """Every pixel moves by at most ``epsilon``."""

    norm: ClassVar[str] = "linf"

    def bounds(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Lowest and highest allowed pixels: ball and box in one clamp, worth computing once."""
        return linf_bounds(clean, self.epsilon, self.box)

    def project(self, clean: Tensor, candidate: Tensor) -> Tensor:
        """Nearest point of ball and box."""
        low, high = self.bounds(clean)
        return torch.clamp(candidate, low, high)

    def random_shift(
        self, shape: torch.Size, dtype: torch.dtype, generator: torch.Generator
    ) -> Tensor:
        """Each pixel's shift uniform in [-epsilon, epsilon]."""
        shift = torch.rand(shape, generator=generator, dtype=dtype)
        return shift.mul_(2 * self.epsilon).sub_(self.epsilon)

    def maximiser(self, gradient: Tensor) -> Tensor:
        """Sign of the gradient; 0 where it is 0."""
        return gradient.sign()

    def distance(self, clean: Tensor, candidate: Tensor) -> Tensor:
        """Largest absolute change of a pixel, (n,)."""
        return _by_parts(clean, candidate, lambda shift: shift.abs_().amax(1))

    def rounding(self, clean: Tensor) -> float:
        """Two units in the last place of the largest number involved (2.4e-7 at 1 in float32)."""
        return 2 * torch.finfo(clean.dtype).eps * _scale(self)


@dataclass(frozen=True)
class L2Ball(Budget):
    """The Euclidean length of the whole perturbation is at most ``epsilon``."""

    norm: ClassVar[str] = "l2"

    def project(self, clean: Tensor, candidate: Tensor) -> Tensor:
        """Shorten the perturbation to ``epsilon`` where it is longer, then clip to the box."""
        shift = shortened(candidate - clean, self.epsilon)
        return shift.add_(clean).clamp_(self.box.low, self.box.high)

    def random_shift(
        self, shape: torch.Size, dtype: torch.dtype, generator: torch.Generator
    ) -> Tensor:
        """Uniform in the ball: d of the d + 2 coordinates of a point of the unit sphere.

        Source: Voelker et al. (2017), "Efficiently sampling vectors and coordinates from the
        n-sphere and n-ball"; the same construction as in Foolbox.
        """
        dimension = math.prod(shape[1:])
        sphere = torch.randn((shape[0], dimension + 2), generator=generator, dtype=dtype)
        shift: Tensor = sphere[:, :dimension]
        shift = shift / torch.linalg.vector_norm(sphere, dim=1, keepdim=True)
        return shift.mul_(self.epsilon).reshape(shape)

    def maximiser(self, gradient: Tensor) -> Tensor:
        """The gradient divided by its length, or by 1e-12 where it is shorter than that."""
        lengths = _lengths(gradient)
        too_long, checks = lengths.isinf().any(), deferred_checks()
        if checks is not None:
            checks.require(~too_long)
        elif bool(too_long):
            # Squares overflow long before the gradient does; divided by infinity it would be zero.
            largest = gradient.abs().flatten(1).amax(1).reshape(lengths.shape)
            gradient = gradient / torch.where(lengths.isinf(), largest, 1.0)
            lengths = _lengths(gradient)
        return gradient / lengths

    def distance(self, clean: Tensor, candidate: Tensor) -> Tensor:
        """Euclidean length of the perturbation, (n,)."""
        return _by_parts(clean, candidate, lambda shift: shift.square_().sum(1).sqrt_())

    def rounding(self, clean: Tensor) -> float:
        """Four units in the last place in every coordinate: 4 eps sqrt(d) times the scale."""
        dimension = math.prod(clean.shape[1:])
        return 4 * torch.finfo(clean.dtype).eps * math.sqrt(dimension) * _scale(self)


def shortened(shift: Tensor, radius: float | Tensor) -> Tensor:
    """Perturbations of Euclidean length at most ``radius``; overwrites ``shift``.

    Args:
        shift: perturbations (n, ...).
        radius: one for all, or one an image in a shape (n, 1, ...) that divides ``shift``.
    """
    return shift.mul_((radius / _lengths(shift)).clamp_(max=1))


def linf_bounds(clean: Tensor, epsilon: float | Tensor, box: Box) -> tuple[Tensor, Tensor]:
    """Lowest and highest pixels (n, ...) of L-infinity balls around ``clean`` inside ``box``.

    Args:
        clean: images (n, ...).
        epsilon: the radius, or radii that broadcast against ``clean``.
        box: of all images.
    """
    return (clean - epsilon).clamp_(min=box.low), (clean + epsilon).clamp_(max=box.high)


def _scale(budget: Budget) -> float:
    return max(1.0, budget.box.scale, budget.epsilon)


def _by_parts(clean: Tensor, candidate: Tensor, norm: Callable[[Tensor], Tensor]) -> Tensor:
    """``norm`` (m, d) -> (m,) of the perturbations in float64, a few images at a time.

    Few enough for the cache: in one piece, numbers of twice the size go through memory four times.
    On a GPU many more: each piece is launched for itself.
    """
    pixels = _PIXELS_AT_ONCE if clean.device.type == "cpu" else _ON_GPU
    size = max(1, pixels // max(1, math.prod(clean.shape[1:])))
    parts = zip(clean.split(size), candidate.split(size), strict=True)
    found = [norm((after.double() - before).flatten(1)) for before, after in parts]
    return torch.cat(found) if found else clean.new_zeros(0, dtype=torch.float64)


def _lengths(shift: Tensor) -> Tensor:
    """Euclidean length of each image, at least 1e-12, shaped to divide ``shift``."""
    lengths: Tensor = torch.linalg.vector_norm(shift.flatten(1), dim=1).clamp_(min=_SMALLEST_NORM)
    return lengths.reshape(-1, *([1] * (shift.ndim - 1)))
