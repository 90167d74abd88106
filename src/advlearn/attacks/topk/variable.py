"""The variable before the tanh, in which pixels are free (Carlini and Wagner 2017).

A pixel x in [0, 1] is ``x = (1 + tanh(w) / s) / 2``, a variable w for each pixel.

- ``tanh_raw``, the authors' code: s = 1, and the iteration starts at w = 2 x - 1 instead of at the
  inverse of x. What the network sees first, and what counts as the clean image, is then not x but a
  squashed image with pixels in [0.12, 0.88].
- ``arctanh``: the iteration starts at x itself, w = artanh(s (2 x - 1)), with s = tanh(1). Any
  s < 1 keeps w finite; with s close to 1 black and white pixels would start where tanh is flat and
  could not be moved. With s = tanh(1) the variable has the same range [-1, 1] as the authors' and
  the slope at the edge of the box is 0.42 of that in its middle. w is held in that range, which
  holds x in the box. The way there and back changes no pixel by more than 1e-6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# The authors' code shrinks pixels by this factor before it inverts the tanh.
_BELOW_ONE = 0.999999


@dataclass(frozen=True)
class TanhVariable:
    """The change of variables named ``clean_map`` in the settings: tanh_raw or arctanh."""

    clean_map: str

    @property
    def scale(self) -> float:
        """The number s."""
        return 1.0 if self.clean_map == "tanh_raw" else math.tanh(1.0)

    @property
    def limit(self) -> float | None:
        """Largest absolute value of w; None: there is none."""
        return None if self.clean_map == "tanh_raw" else 1.0

    def start(self, images: Tensor) -> Tensor:
        """The w at which the iteration starts, from images in [0, 1]."""
        centred = 2 * images - 1
        return centred if self.clean_map == "tanh_raw" else torch.atanh(centred * self.scale)

    def clean(self, images: Tensor) -> Tensor:
        """What the network sees at the start and all perturbations are measured against."""
        return self.pixels(self.start(images)) if self.clean_map == "tanh_raw" else images

    def pixels(self, variable: Tensor) -> Tensor:
        """Images in [0, 1] from w."""
        return variable.tanh().div_(2 * self.scale).add_(0.5).clamp_(0, 1)

    def slope(self, images: Tensor) -> Tensor:
        """Derivative of each pixel by its w, from the pixels."""
        return (1 - ((2 * images - 1) * self.scale).square_()).div_(2 * self.scale)

    def length(self, clean: Tensor, images: Tensor) -> Tensor:
        """Euclidean length of the change of w from ``clean`` to ``images``, float64 (n,)."""
        change = self._inverse(images) - self._inverse(clean)
        return change.flatten(1).square().sum(1).sqrt()

    def _inverse(self, images: Tensor) -> Tensor:
        shrunk = min(self.scale, _BELOW_ONE)
        return torch.atanh((2 * images.double() - 1) * shrunk)
