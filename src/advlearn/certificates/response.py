"""How far pairs of centroids move and turn, from the derivative of the centroid problem.

The bound of nonexpansiveness adds all movements up in one norm, and takes no notice that the forces
between clusters resist a turn. Here each pair has bounds of its own (derived here,
docs/studies/bilevel-certificates.md, section 5d). Along the straight way of the means, from those
for which U is the solution under the new weights to the new ones,

    H dU/dt = N (M' - M~),    H = N + gamma sum_ab W_ab (e_a - e_b)(e_a - e_b)^T x K_ab,

K = (I - z z^T) / r, and H differs from that of the clean data by what the pairs have moved so far.
With G = H^-1 of the clean data the movements q of the pairs, along z and across it, obey
q <= f + R c(q) q, f the movement to first order, R the norms of the blocks of G between pairs and
c(q) what q can do to H: a q that satisfies this with room is a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from advlearn.certificates.blocks import Blocks
from advlearn.certificates.reach import Reach

# Rounds of the fixed point, and the rooms it is tested with.
_ROUNDS = 30
_ROOMS = (1 + 1e-6, 1.001, 1.02)
# Rounding of the inverse and of the sums: relative, and in units of the distance of the pair.
_ROUNDING, _LEAST = 1e-9, 1e-12
# A fixed point that runs away is left before it overflows.
_LARGEST = 1e6
LARGEST = 1000
"""Unknowns (clusters times features) up to which the inverse is formed."""


class Moves(NamedTuple):
    """Bounds over all perturbations of one radius, one number a pair (P,).

    Attributes:
        moved: |(u'_a - u'_b) - (u_a - u_b)|.
        apart: lower bound of |u'_a - u'_b|.
        turned: |z'_ab - z_ab|.
    """

    moved: np.ndarray
    apart: np.ndarray
    turned: np.ndarray


@dataclass(frozen=True, eq=False)
class Response:
    """The derivative of the centroids with respect to the means, at the clean data.

    Arrays with 2P rows have what is along z_ab of each pair first, then what is across.

    Attributes:
        blocks: the partition, with at least one joined pair.
        gamma: penalty.
        distances: r_ab of each joined pair, (P,), > 0.
        directions: z_ab, (P, d).
        between: W_ab of each pair, (P,).
        residual: (K, d), what the optimality condition leaves.
    """

    blocks: Blocks
    gamma: float
    distances: np.ndarray
    directions: np.ndarray
    between: np.ndarray
    residual: np.ndarray

    def moves(
        self, reach: Reach, radius: float, change: np.ndarray, high: np.ndarray, known: np.ndarray
    ) -> Moves | None:
        """How far each pair can move and turn; none where the fixed point is not reached.

        Args:
            reach: the budget.
            radius: its radius, >= 0.
            change: at least |W'_ab - W_ab| of each pair, (P,).
            high: at least W'_ab, (P,).
            known: other bounds of the movement, (P,).
        """
        r = self.distances
        first = radius * self._reached(reach)
        first = first + self._sizes @ np.linalg.norm(self.residual, axis=1)
        # Other weights push along z.
        first = first + self._coupling[:, : len(r)] @ (self.gamma * change)
        first = first * (1 + _ROUNDING) + _LEAST * np.tile(r, 2)

        def following(moved: np.ndarray) -> np.ndarray | None:
            along, across = (np.minimum(part, known) for part in np.split(moved, 2))
            left = r - along
            if not (left > 0).all() or not (moved < _LARGEST * r.max()).all():
                return None
            slope = across / left
            straight, mixed = high * slope**2 / left, high * slope / left
            bent = np.maximum(1 / left - 1 / r, 1 / r - (1 + slope**2) ** -1.5 / (r + along))
            if self.residual.shape[1] == 1:
                bent = np.zeros_like(r)  # On a line nothing is across.
            q_along, q_across = np.split(moved, 2)
            pushed = np.concatenate(
                [
                    straight * q_along + mixed * q_across,
                    mixed * q_along + (high * bent + change / r) * q_across,
                ]
            )
            found: np.ndarray = first + self.gamma * self._coupling @ pushed
            return found

        moved = first
        for _ in range(_ROUNDS):
            found = following(moved)
            if found is None:
                return None
            moved = found
        for room in _ROOMS:
            found = following(moved * room)
            if found is not None and (found <= moved * room).all():
                moved = moved * room
                break
        else:
            return None
        along, across = (np.minimum(part, known) for part in np.split(moved, 2))
        turned: np.ndarray = 2 * np.sin(np.arctan2(across, r - along) / 2)
        return Moves(np.hypot(along, across), r - along, turned * (1 + _ROUNDING))

    def _reached(self, reach: Reach) -> np.ndarray:
        """Largest movement to first order of a perturbation of radius 1, (2P,)."""
        sizes = self.blocks.sizes
        if reach.budget == "frobenius":
            scaled = self._rows * np.sqrt(sizes)[None, :, None, None]
            flat = scaled.transpose(0, 2, 1, 3).reshape(len(scaled), scaled.shape[2], -1)
            found: np.ndarray = np.linalg.norm(flat, ord=2, axis=(1, 2))
            return found
        if reach.budget == "single_point":
            if reach.index is None:
                largest: np.ndarray = self._sizes.max(axis=1)
                return largest
            own: np.ndarray = self._sizes[:, self.blocks.labels[reach.index]]
            return own
        total: np.ndarray = self._sizes @ sizes * reach.length
        return total

    @cached_property
    def _parts(self) -> np.ndarray:
        """Along and across each pair, z z^T and I - z z^T, (2P, d, d)."""
        along = self.directions[:, :, None] * self.directions[:, None, :]
        found: np.ndarray = np.concatenate([along, np.eye(along.shape[1]) - along])
        return found

    @cached_property
    def _rows(self) -> np.ndarray:
        """(e_a - e_b)^T G, along and across, (2P, K, d, d)."""
        k, d = self.residual.shape
        a, b = self.blocks.pairs.T
        stiffness = self.gamma * self.between / self.distances
        springs = stiffness[:, None, None] * self._parts[len(a) :]
        full = np.zeros((k, k, d, d))
        full[np.arange(k), np.arange(k)] += self.blocks.sizes[:, None, None] * np.eye(d)
        np.add.at(full, (a, a), springs)
        np.add.at(full, (b, b), springs)
        full[a, b] -= springs
        full[b, a] -= springs
        whole = full.transpose(0, 2, 1, 3).reshape(k * d, k * d)
        inverse = np.linalg.inv(whole).reshape(k, d, k, d).transpose(0, 2, 1, 3)
        rows = np.concatenate([inverse[a] - inverse[b]] * 2)
        found: np.ndarray = self._parts[:, None] @ rows
        return found

    @cached_property
    def _sizes(self) -> np.ndarray:
        """Norms of the blocks of these rows, (2P, K)."""
        found: np.ndarray = np.linalg.norm(self._rows, ord=2, axis=(2, 3))
        return found

    @cached_property
    def _coupling(self) -> np.ndarray:
        """R: what a unit force along or across each pair does to each, (2P, 2P)."""
        c, d = self.blocks.pairs.T
        pulled = np.concatenate([self._rows[:, c] - self._rows[:, d]] * 2, axis=1)
        found: np.ndarray = np.linalg.norm(pulled @ self._parts[None], ord=2, axis=(2, 3))
        return found
