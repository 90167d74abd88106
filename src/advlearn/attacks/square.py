"""Square Attack: random search with square patches, which needs logits and no gradient.

Andriushchenko, Croce, Flammarion and Hein (2020), "Square Attack: a query-efficient black-box
adversarial attack via random search". What is maximised is the negative margin. A run of the
L-infinity ball begins with vertical stripes of colour +-epsilon, one of the L2 ball with a grid of
tiles of two opposite peaks; each query changes one window, which shrinks as queries are used up,
and the change is kept if the negative margin rises.

As in the authors' AutoAttack, query number i changes the same window, with the same signs, of all
images: for each image alone that is the published search. Different from AutoAttack: a window
may also be the last one of its row or column, as in the paper, and an image stops when the
network's prediction is wrong, not when the margin is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from advlearn import budgets
from advlearn.attacks.ascent import start_generator
from advlearn.attacks.best_point import BestPointAttack, Rows, Run, keep_best
from advlearn.budgets import LinfBall
from advlearn.deviations import negative_margin
from advlearn.metrics.logits import logits_of
from advlearn.settings.attack import SquareSettings
from advlearn.support.errors import UserError
from advlearn.support.seeds import derive_seed

_SHRINKS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries, of 10,000, after each of which windows have half the area."""
_SMALLEST = 1e-12


class Draws(NamedTuple):
    """What is random in the queries of a run.

    Attributes:
        places: float (queries, 5) in [0, 1): row and column of a window, of a second one, and
            whether the peaks of the L2 ball lie side by side.
        signs: (queries, c, 1, 1), -1 or 1, like the images.
    """

    places: list[list[float]]
    signs: Tensor


def build(settings: SquareSettings) -> Square:
    """The attack of these settings."""
    return Square(
        budget=budgets.build(settings.norm, settings.epsilon),
        restarts=settings.restarts,
        queries=settings.queries,
        share=settings.share,
    )


@dataclass(frozen=True)
class Square(BestPointAttack):
    """See the module.

    Args:
        budget: where the images may move to.
        restarts: independent runs.
        batch_size: images in one pass; None: by the device.
        queries: changes that are tried in a run, at least 1; the start is looked at before.
        share: of an image's pixels, those in the first windows, in (0, 1].
    """

    queries: int = 5000
    share: float = 0.8

    uses_gradient: ClassVar[bool] = False

    @property
    def steps(self) -> int:
        """Queries of a run after its start."""
        return self.queries

    def starts(self, images: Tensor, seed: int, run: int) -> Tensor:
        """Stripes or tiles.

        Raises:
            UserError: no images (n, channels, height, width).
        """
        if images.ndim != 4:
            raise UserError(
                "Square Attack changes windows of images (n, channels, height, width)",
                where=f"images of shape {tuple(images.shape)}",
                remedy="reshape them, and let the network flatten its input; or use 'apgd'",
            )
        generator = start_generator(seed, run)
        if isinstance(self.budget, LinfBall):
            n, channels, _, width = images.shape
            stripes = _signs((n, channels, 1, width), images.dtype, generator)
            shift = (self.budget.epsilon * stripes).expand(images.shape)
        else:
            tiles = _tiles(images.shape, images.dtype, generator)
            shift = tiles * (self.budget.epsilon / _length(tiles))
        return self.budget.project(images, images + shift.to(images.device))

    def plan(self, images: Tensor, seed: int, run: int) -> Draws:
        """The draws of all queries."""
        generator = torch.Generator().manual_seed(derive_seed(seed, "square", run))
        places = torch.rand((self.queries, 5), generator=generator, dtype=torch.float64)
        signs = _signs((self.queries, images.shape[1], 1, 1), torch.float32, generator)
        return Draws(places.tolist(), signs.to(images))

    def begin(self, run: Run, rows: Rows) -> None:
        """Nothing else is kept of an image."""

    def step(self, run: Run, rows: Rows, number: int) -> None:
        """Change a window of each image's best point, and keep what is better."""
        points = rows["best"]
        draws: Draws = run.plan
        if number:
            query = number, draws.places[number - 1], draws.signs[number - 1]
            change = self._patched if isinstance(self.budget, LinfBall) else self._moved_mass
            points = change(rows["clean"], points, *query)
        logits = logits_of(run.network, points)
        keep_best(rows, points, logits, negative_margin(logits, rows["label"]))

    def window(self, number: int, shape: torch.Size) -> int:
        """Side of the windows of query ``number`` (from 1) of images (n, c, h, w)."""
        at = (number - 1) * 10_000 // self.queries
        share = self.share / 2 ** sum(at > bound for bound in _SHRINKS)
        side = round(math.sqrt(share * shape[2] * shape[3]))
        most = min(shape[2:])
        if isinstance(self.budget, LinfBall):
            return min(max(side, 1), most)
        # The window has a middle.
        return min(max(side, 3) | 1, most - 1 + most % 2)

    def _patched(
        self, clean: Tensor, best: Tensor, number: int, places: list[float], signs: Tensor
    ) -> Tensor:
        """The pixels of a window at one end of their ranges, a channel at a time."""
        rows, columns = _window(places[:2], self.window(number, best.shape), best.shape)
        points = best.clone()
        points[:, :, rows, columns] += 2 * self.budget.epsilon * signs
        return self.budget.project(clean, points)

    def _moved_mass(
        self, clean: Tensor, best: Tensor, number: int, places: list[float], signs: Tensor
    ) -> Tensor:
        """Peaks in one window, of the length that a second one, now empty, and the ball leave."""
        side = self.window(number, best.shape)
        rows, columns = _window(places[:2], side, best.shape)
        others = _window(places[2:4], side, best.shape)
        shift = best - clean
        either = torch.zeros(best.shape[2:], dtype=torch.bool, device=best.device)
        either[rows, columns] = either[others] = True
        freed = (shift * either).square().sum((2, 3), keepdim=True)
        unused = (self.budget.epsilon**2 - _length(shift).square()).clamp_(min=0) / best.shape[1]
        old = shift[:, :, rows, columns]
        new = old / (old.square().sum((2, 3), keepdim=True).sqrt() + _SMALLEST)
        peaks = _peaks(side, best.dtype, best.device)
        new = new + signs * (peaks.T if places[4] < 0.5 else peaks)
        new = new / (new.square().sum((2, 3), keepdim=True).sqrt() + _SMALLEST)
        shift[:, :, others[0], others[1]] = 0
        shift[:, :, rows, columns] = new * (unused + freed).sqrt()
        shift = shift * (self.budget.epsilon / _length(shift))
        return self.budget.project(clean, shift.add_(clean))


def _signs(shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    return 1 - 2 * torch.randint(2, shape, generator=generator).to(dtype)


def _window(places: list[float], side: int, shape: torch.Size) -> tuple[slice, slice]:
    """Rows and columns of a window."""
    first = (int(at * (length - side + 1)) for at, length in zip(places, shape[2:], strict=True))
    rows, columns = (slice(at, at + side) for at in first)
    return rows, columns


def _length(shift: Tensor) -> Tensor:
    """Euclidean length of each image's shift (n, 1, 1, 1), at least 1e-12."""
    lengths: Tensor = torch.linalg.vector_norm(shift, dim=(1, 2, 3), keepdim=True)
    return lengths.clamp_(min=_SMALLEST)


def _tiles(shape: torch.Size, dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    """Peaks of random signs in a grid of tiles, a fifth of the height each."""
    n, channels, height, width = shape
    side = min(max(height // 5, 1), width)
    down, along = height // side, width // side
    signs = _signs((n, channels, down, along), dtype, generator)
    sideways = torch.rand((down, along), generator=generator) < 0.5
    peaks = _peaks(side, dtype)
    found = torch.zeros(shape, dtype=dtype)
    top, left = (height - side * down) // 2, (width - side * along) // 2
    for i in range(down):
        for j in range(along):
            rows = slice(top + i * side, top + (i + 1) * side)
            columns = slice(left + j * side, left + (j + 1) * side)
            tile = peaks.T if sideways[i, j] else peaks
            found[:, :, rows, columns] = signs[:, :, i, j, None, None] * tile
    return found


@cache
def _peaks(side: int, dtype: torch.dtype, device: torch.device | None = None) -> Tensor:
    """A positive peak above a negative one, (side, side), of length 1; not to be written into.

    Windows have few sides: to bring a peak to a GPU for every query would be to wait for it.
    """
    above = side // 2
    parts = [_peak(above, side), -_peak(side - above, side)]
    found = torch.cat([part for part in parts if len(part)])
    return _of_length_one(found).to(device, dtype)


def _peak(height: int, width: int) -> Tensor:
    """Falls off from the middle: the sum of 1 / k^2 over the squares around it, of length 1."""
    rows = (torch.arange(height) - height // 2).abs()
    columns = (torch.arange(width) - width // 2).abs()
    ring = torch.maximum(rows[:, None], columns)
    squares = 1 / torch.arange(1, max(height, width) // 2 + 2, dtype=torch.float64) ** 2
    outwards = squares.flip(0).cumsum(0).flip(0)
    return _of_length_one(outwards[ring])


def _of_length_one(found: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(found).clamp_(min=_SMALLEST)
    return found / length
