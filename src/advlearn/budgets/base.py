"""What every budget offers: a ball around each clean image, cut by the box of valid pixels."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from advlearn.support.errors import BudgetViolation, UserError, told_apart


@dataclass(frozen=True)
class Box:
    """The interval every pixel lies in; an infinite bound is none.

    Raises:
        UserError: low is not below high.
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise UserError(
                "the box of valid pixels is empty",
                where=f"low={self.low}, high={self.high}",
                remedy="give two numbers with low < high, for example 0 and 1",
            )

    @property
    def scale(self) -> float:
        """The larger of the finite bounds without their signs; 0 where none is finite."""
        return max((abs(b) for b in (self.low, self.high) if math.isfinite(b)), default=0.0)


@dataclass(frozen=True)
class Budget(ABC):
    """A norm ball of radius ``epsilon`` around each image, intersected with ``box``.

    All images are tensors (n, ...) of one floating dtype; an operation never mixes two images.

    Raises:
        UserError: ``epsilon`` is negative or not finite.
    """

    epsilon: float
    box: Box = field(default_factory=Box)

    norm: ClassVar[str]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise UserError(
                "the radius of a perturbation ball must be a finite number >= 0",
                where=f"key 'epsilon', value {self.epsilon}",
                remedy="give epsilon in units of the pixels, for example 0.3 for MNIST",
            )

    @abstractmethod
    def project(self, clean: Tensor, candidate: Tensor) -> Tensor:
        """Bring ``candidate`` (n, ...) back into the ball around ``clean`` and into the box.

        For the L-infinity ball this is the nearest point. For the L2 ball it is, as in Foolbox,
        the nearest point of the ball followed by the nearest point of the box: inside both, but
        not always the nearest point of the intersection.
        """

    def random_start(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """A uniformly random point of each image's ball, then clipped to the box.

        The draw is made on the CPU in one piece, so that it depends on the generator and on the
        number and shape of the images alone: not on the device, nor on how they are batched later.
        """
        shift = self.random_shift(clean.shape, clean.dtype, generator)
        return self.project(clean, shift.to(clean.device).add_(clean))

    def random_border(self, clean: Tensor, generator: torch.Generator) -> Tensor:
        """A random point of each ball's surface, then clipped to the box.

        A point of :meth:`random_start`'s before clipping, moved outwards to the surface: for the L2
        ball uniform there. Drawn as it is.
        """
        shift = self.random_shift(clean.shape, clean.dtype, generator)
        length = self.distance(torch.zeros_like(shift), shift)
        # A ball of radius 0 has no surface: its points stay where they are.
        outwards = torch.where(length > 0, self.epsilon / length, 0).to(shift.dtype)
        shift.mul_(outwards.reshape(-1, *([1] * (shift.ndim - 1))))
        return self.project(clean, shift.to(clean.device).add_(clean))

    @abstractmethod
    def random_shift(
        self, shape: torch.Size, dtype: torch.dtype, generator: torch.Generator
    ) -> Tensor:
        """Uniformly random perturbations inside the ball, of ``shape`` (n, ...), on the CPU."""

    @abstractmethod
    def maximiser(self, gradient: Tensor) -> Tensor:
        """The direction of norm one that maximises the inner product with ``gradient``.

        A new tensor: a gradient of autograd's may be an expanded one, which cannot be written into.
        Where the gradient is zero the direction is zero.
        """

    @abstractmethod
    def distance(self, clean: Tensor, candidate: Tensor) -> Tensor:
        """Norm of the perturbation of each image, float64 of shape (n,)."""

    @abstractmethod
    def rounding(self, clean: Tensor) -> float:
        """How far rounding alone can carry a projected image out of the ball."""

    def check(self, clean: Tensor, candidate: Tensor, tolerance: float | None = None) -> None:
        """Check that each candidate is inside its ball and inside the box.

        Args:
            clean: images (n, ...).
            candidate: perturbed images (n, ...).
            tolerance: allowed excess over ``epsilon``; by default :meth:`rounding` of the dtype.
                The box has no tolerance beyond one rounding: clipping is exact.

        Raises:
            BudgetViolation: names the worst image, its norm or pixel, and the bound.
        """
        if clean.shape != candidate.shape:
            raise BudgetViolation(
                f"images of shape {tuple(clean.shape)} became {tuple(candidate.shape)}"
            )
        if clean.shape[0] == 0:
            return
        tolerance = self.rounding(clean) if tolerance is None else tolerance
        distances = self.distance(clean, candidate)
        # NaN compares false with everything, so "not inside" is asked instead of "outside".
        inside = distances <= self.epsilon + tolerance
        if not bool(inside.all()):
            distances = distances.nan_to_num(nan=math.inf)
            worst = int(distances.argmax())
            distance, bound = told_apart(float(distances[worst]), self.epsilon)
            raise BudgetViolation(
                f"image {worst} is at {self.norm} distance {distance} from the"
                f" clean image, the bound is {bound} (tolerance {tolerance:.3g});"
                f" {int((~inside).sum())} of {len(inside)} images are outside"
            )
        edge = torch.finfo(candidate.dtype).eps * self.box.scale
        flat = candidate.flatten(1)
        excess = torch.maximum(self.box.low - flat.amin(1), flat.amax(1) - self.box.high)
        if not bool((excess <= edge).all()):
            worst = int(excess.argmax())
            darkest, low = told_apart(float(flat[worst].min()), self.box.low)
            brightest, high = told_apart(float(flat[worst].max()), self.box.high)
            raise BudgetViolation(
                f"image {worst} has pixels in [{darkest}, {brightest}], the box is [{low}, {high}]"
            )
