"""Budgets for perturbations E (n, d) of a whole point set: which points may move, and how far.

Numpy in float64 and no torch, else the vocabulary of :mod:`advlearn.budgets.balls`: here one
perturbation concerns all points together, there each image has a ball of its own. Every set is
``{E : size(E) <= epsilon}`` for a ``size`` that does not depend on ``epsilon``, so that the sets of
one kind are nested: that is all that the two forms of the bilevel problem and their duality need.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from advlearn.support.errors import BudgetViolation, UserError, told_apart

Array = NDArray[np.float64]

__all__ = [
    "FewLabels",
    "FewPoints",
    "Frobenius",
    "LInf",
    "PerPoint",
    "PointBudget",
    "SinglePoint",
]


@dataclass(frozen=True)
class PointBudget(ABC):
    """The perturbations of size at most ``epsilon``.

    Args:
        epsilon: radius in units of the data, finite and >= 0; at 0 only E = 0 is left.

    Raises:
        UserError: ``epsilon`` is negative or not finite.
    """

    epsilon: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.epsilon) and self.epsilon >= 0):
            raise UserError(
                "the radius of a budget must be a finite number >= 0",
                where=f"{type(self).__name__}, epsilon {self.epsilon}",
                remedy="give epsilon in units of the data, for example 0.1",
            )

    @abstractmethod
    def size(self, perturbation: Array) -> float:
        """How large E is; infinite where no radius would admit it, NaN where E has NaN."""

    @abstractmethod
    def project(self, perturbation: Array) -> Array:
        """A nearest point of the set in Frobenius norm, a new array."""

    @abstractmethod
    def maximiser(self, gradient: Array) -> Array:
        """The E of size at most one with the largest inner product with ``gradient`` (n, d).

        Rows of zeros stay zero. A new array.
        """

    @abstractmethod
    def random(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """A random E of that shape on the boundary, of size ``epsilon``."""

    def scaled(self, epsilon: float) -> Self:
        """The same kind of budget with another radius."""
        return replace(self, epsilon=float(epsilon))

    def contains(self, perturbation: Array, tolerance: float | None = None) -> bool:
        """Whether the size of E exceeds the radius by no more than ``tolerance``.

        Args:
            perturbation: E (n, d).
            tolerance: absolute; by default what rounding alone can add.
        """
        excess = rounding(self.epsilon, perturbation) if tolerance is None else tolerance
        # NaN compares false, so an E with NaN is never inside.
        return bool(self.size(perturbation) <= self.epsilon + excess)

    def check(self, perturbation: Array) -> None:
        """Check that E is inside.

        Raises:
            BudgetViolation: it is not, by more than rounding: a defect of an attack.
        """
        if not self.contains(perturbation):
            size, bound = told_apart(self.size(perturbation), self.epsilon)
            raise BudgetViolation(
                f"a perturbation has size {size} in {type(self).__name__}, the bound is {bound}"
            )


@dataclass(frozen=True)
class PerPoint(PointBudget):
    """Every point moves by at most ``epsilon``: size = max_i ||E_i||_2."""

    def size(self, perturbation: Array) -> float:
        """Length of the longest row."""
        return float(_lengths(perturbation).max(initial=0.0))

    def project(self, perturbation: Array) -> Array:
        """Each row on its own."""
        return _shorten(perturbation, self.epsilon)

    def maximiser(self, gradient: Array) -> Array:
        """Each row at length one."""
        return _unit_rows(gradient)

    def random(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """Rows uniform on the sphere of radius ``epsilon``."""
        return self.epsilon * _unit_rows(generator.standard_normal(shape))


@dataclass(frozen=True)
class Frobenius(PointBudget):
    """All points share one sum of squares: size = ||E||_F."""

    def size(self, perturbation: Array) -> float:
        """Square root of the sum of all squares."""
        return float(_lengths(_floats(perturbation).reshape(1, -1))[0])

    def project(self, perturbation: Array) -> Array:
        """The whole matrix shortened."""
        return _shorten(perturbation.reshape(1, -1), self.epsilon).reshape(perturbation.shape)

    def maximiser(self, gradient: Array) -> Array:
        """The whole matrix at length one."""
        return _unit_rows(gradient.reshape(1, -1)).reshape(gradient.shape)

    def random(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """Uniform on the sphere of all coordinates."""
        return self.epsilon * self.maximiser(generator.standard_normal(shape))


@dataclass(frozen=True)
class SinglePoint(PointBudget):
    """Only point ``index`` moves: size = its length, infinite where another row is not zero.

    Args:
        epsilon: radius.
        index: number of the point, >= 0.

    Raises:
        UserError: as for every budget, or ``index`` is negative.
    """

    index: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.index < 0:
            raise UserError(
                "the point that may move must have a number >= 0",
                where=f"SinglePoint, index {self.index}",
                remedy="count the points from 0",
            )

    def size(self, perturbation: Array) -> float:
        """Length of the one row."""
        lengths = _lengths(perturbation)
        own = self._moved_row(perturbation)
        return math.inf if np.delete(lengths, own).any() else float(lengths[own])

    def project(self, perturbation: Array) -> Array:
        """The one row shortened, all others zero."""
        return self._only_moved_row(_shorten(perturbation, self.epsilon))

    def maximiser(self, gradient: Array) -> Array:
        """The one row at length one, all others zero."""
        return self._only_moved_row(_unit_rows(gradient))

    def random(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """The one row uniform on the sphere."""
        return self.epsilon * self.maximiser(generator.standard_normal(shape))

    def _moved_row(self, perturbation: Array) -> int:
        if self.index >= len(perturbation):
            raise UserError(
                "the point that may move does not exist",
                where=f"SinglePoint, index {self.index}, with {len(perturbation)} points",
                remedy="give an index below the number of points",
            )
        return self.index

    def _only_moved_row(self, perturbation: Array) -> Array:
        own = self._moved_row(perturbation)
        alone = np.zeros_like(perturbation)
        alone[own] = perturbation[own]
        return alone


@dataclass(frozen=True)
class LInf(PointBudget):
    """Every coordinate of every point moves by at most ``epsilon``: size = max |E_ik|."""

    def size(self, perturbation: Array) -> float:
        """Largest absolute entry."""
        return float(np.abs(perturbation).max(initial=0.0))

    def project(self, perturbation: Array) -> Array:
        """Each entry on its own."""
        return np.clip(_floats(perturbation), -self.epsilon, self.epsilon)

    def maximiser(self, gradient: Array) -> Array:
        """Signs; 0 where the gradient is 0."""
        return np.sign(_floats(gradient))

    def random(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """Uniform in the cube, then stretched until it touches the boundary."""
        drawn = generator.uniform(-1.0, 1.0, shape)
        largest = np.abs(drawn).max(initial=0.0)
        return self.epsilon * drawn / (largest or 1.0)


@dataclass(frozen=True)
class FewPoints(PointBudget):
    """At most ``count`` points move, each by at most ``epsilon``.

    Size = max_i ||E_i||_2, infinite where more than ``count`` rows are not zero. The set is not
    convex; the nearest point keeps the ``count`` longest rows (the first ones among equals).

    Args:
        epsilon: radius.
        count: most points that move, >= 1; more than there are points is no restriction.

    Raises:
        UserError: as for every budget, or ``count`` is below 1.
    """

    count: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.count < 1:
            raise UserError(
                "at least one point must be allowed to move",
                where=f"FewPoints, count {self.count}",
                remedy="give a count of at least 1",
            )

    def size(self, perturbation: Array) -> float:
        """Length of the longest row."""
        lengths = _lengths(perturbation)
        many = np.count_nonzero(lengths) > self.count
        return math.inf if many else float(lengths.max(initial=0.0))

    def project(self, perturbation: Array) -> Array:
        """The longest rows, shortened.

        Shortening a row of length l saves l^2 - (l - epsilon)_+^2 against dropping it, which grows
        with l: so the longest are kept.
        """
        return self._longest(_shorten(perturbation, self.epsilon), perturbation)

    def maximiser(self, gradient: Array) -> Array:
        """The longest rows at length one."""
        return self._longest(_unit_rows(gradient), gradient)

    def random(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """Rows of points drawn without replacement, uniform on the sphere."""
        moved = _unit_rows(generator.standard_normal(shape))
        chosen = generator.choice(shape[0], size=min(self.count, shape[0]), replace=False)
        some = np.zeros_like(moved)
        some[chosen] = self.epsilon * moved[chosen]
        return some

    def _longest(self, rows: Array, judged: Array) -> Array:
        kept = np.argsort(-_lengths(judged), kind="stable")[: self.count]
        few = np.zeros_like(rows)
        few[kept] = rows[kept]
        return few


@dataclass(frozen=True)
class FewLabels(PointBudget):
    """Flips (n,) of binary labels, 1 where a label is flipped and 0 else; size = their number.

    Only 0/1 vectors belong to the set: any other E has infinite size. Of a radius that is no
    whole number the whole part counts.
    """

    def size(self, perturbation: Array) -> float:
        """Number of flips."""
        flips = np.asarray(perturbation)
        return float(flips.sum()) if np.isin(flips, (0.0, 1.0)).all() else math.inf

    def project(self, perturbation: Array) -> Array:
        """Flip the labels with the largest entries above 1/2, at most ``epsilon`` of them."""
        return self._largest(_floats(perturbation), 0.5)

    def maximiser(self, gradient: Array) -> Array:
        """Flip the one label with the largest gradient, if that is above 0."""
        return self.scaled(1)._largest(_floats(gradient), 0.0)

    def random(self, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
        """Labels drawn without replacement."""
        flips = np.zeros(shape)
        flips[generator.choice(shape[0], size=min(int(self.epsilon), shape[0]), replace=False)] = 1
        return flips

    def _largest(self, values: Array, above: float) -> Array:
        order = np.argsort(-values, kind="stable")[: int(self.epsilon)]
        flips = np.zeros_like(values)
        flips[order[values[order] > above]] = 1.0
        return flips


def rounding(epsilon: float, perturbation: Array) -> float:
    """Four units in the last place for each coordinate of a sum of squares; 0 at radius 0."""
    if epsilon == 0:
        return 0.0
    number = np.finfo(np.float64)
    return float(4 * number.eps * math.sqrt(max(1, np.size(perturbation))) * epsilon + number.tiny)


def _floats(values: Any) -> Array:
    return np.asarray(values, dtype=np.float64)


def _lengths(rows: Array) -> Array:
    """Euclidean length of each row (n,); a vector (n,) has rows of one coordinate."""
    values = _floats(rows).reshape(len(rows), math.prod(np.shape(rows)[1:]))
    # Squares of the smallest numbers are 0; a row that moved at all must not have length 0.
    scale = np.abs(values).max(axis=1, initial=0.0)
    unit = values / np.where(scale > 0, scale, 1.0)[:, None]
    lengths: Array = scale * np.linalg.norm(unit, axis=1)
    return lengths


def _shorten(rows: Array, epsilon: float) -> Array:
    lengths = _lengths(rows)
    # Only rows outside are touched: a projection leaves what is inside bit for bit.
    outside = lengths > epsilon
    factor = np.where(outside, epsilon / np.where(outside, lengths, 1.0), 1.0)
    return _floats(rows) * factor.reshape(-1, *([1] * (np.ndim(rows) - 1)))


def _unit_rows(rows: Array) -> Array:
    lengths = _lengths(rows)
    return _floats(rows) / np.where(lengths > 0, lengths, 1.0).reshape(
        -1, *([1] * (np.ndim(rows) - 1))
    )
