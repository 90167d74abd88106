"""A black-box attack by CMA-ES: pieces of two clusters move along a few axes.

The attacker sees labels only. A perturbation of all coordinates is far more than some hundred
queries can search, so the two clusters that are nearest (or largest) are cut into pieces along the
line between their means, and each piece moves as one, along this line and the directions in which
the points of both spread most. What is searched are these moves, a few dozen numbers; what is
judged is the effect on the labels (:class:`advlearn.attacks.evolution.CmaEs`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from advlearn.attacks.clustering.common import (
    Problem,
    best_and_smallest,
    cluster_means,
    nearest_pairs,
)
from advlearn.attacks.evolution import CmaEs
from advlearn.support.errors import UserError

__all__ = ["CmaEsAttack", "piece_moves"]


@dataclass(frozen=True)
class CmaEsAttack:
    """Search the moves of pieces of two clusters.

    Args:
        queries: perturbations that are tried at each radius, >= 1.
        pieces: of each of the two clusters, >= 1.
        axes: directions in which a piece may move, >= 1; at most as many as there are coordinates.
    """

    queries: int = 30
    pieces: int = 2
    axes: int = 1

    def __post_init__(self) -> None:
        if min(self.queries, self.pieces, self.axes) < 1:
            raise UserError(
                "the attack by CMA-ES needs a query, a piece and an axis",
                where=repr(self),
                remedy="give for example queries=110, pieces=2, axes=1",
            )

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """The best of all that was tried, and the smallest of those that had an effect."""
        moves = piece_moves(problem, self.pieces, self.axes)
        if not len(moves) or tau == 0:
            return
        budget = problem.budget.scaled(tau)
        # A step of tau in each number: most first tries are at the border of the budget.
        search = CmaEs(np.zeros(len(moves)), tau, generator)
        tried: list[tuple[float, np.ndarray]] = []
        while len(tried) < self.queries:
            asked = search.ask()
            values = []
            for numbers in asked[: self.queries - len(tried)]:
                moved = budget.project(np.tensordot(numbers, moves, axes=1))
                values.append(problem.effect(moved))
                tried.append((values[-1], moved))
            if len(values) == len(asked):
                search.tell(asked, values)
        yield from best_and_smallest(problem, tried)


def piece_moves(problem: Problem, pieces: int, axes: int) -> np.ndarray:
    """Unit moves (m, n, d) of one piece along one axis; none where there is one cluster."""
    points = problem.data
    means, names, sizes = cluster_means(points, problem.before)
    if len(means) < 2:
        return np.empty((0, *points.shape))
    first, second = nearest_pairs(means, sizes, 1)[0]
    line = means[second] - means[first]
    pair = np.isin(problem.before, names[[first, second]])
    directions = _directions(points[pair], line, axes)
    moves = []
    for name in names[[first, second]]:
        members = np.flatnonzero(problem.before == name)
        order = members[np.argsort(points[members] @ line, kind="stable")]
        for piece in np.array_split(order, min(pieces, len(order))):
            for direction in directions:
                move = np.zeros_like(points)
                move[piece] = direction
                moves.append(move)
    return np.array(moves)


def _directions(points: np.ndarray, line: np.ndarray, count: int) -> np.ndarray:
    """The line and the axes of the largest spread beside it, unit rows."""
    length = float(np.linalg.norm(line))
    centred = points - points.mean(axis=0)
    if length > 0:
        unit = line / length
        beside = centred - np.outer(centred @ unit, unit)
        rows = [unit]
    else:
        beside, rows = centred, []
    count = min(count, points.shape[1])
    _, _, axes = np.linalg.svd(beside, full_matrices=False)
    # The sign of a singular vector is arbitrary and may differ from library to library.
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    return np.array([*rows, *axes][:count])
