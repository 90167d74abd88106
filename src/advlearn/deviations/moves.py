"""What delta does when points move: by pattern, and over random moves of random partitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from advlearn.deviations.checks import labels_of
from advlearn.deviations.delta import PATTERNS, pattern_flows
from advlearn.deviations.partitions import delta_squared
from advlearn.support.errors import UserError
from advlearn.support.seeds import derive_seed


class Moved(NamedTuple):
    """delta^2 of one partition and one number of moved points.

    Attributes:
        n_clusters: number of clusters.
        sizes: points of each cluster, joined by commas.
        pattern: name of the pattern (:data:`advlearn.deviations.delta.PATTERNS`).
        moved: points moved.
        delta_squared: by the contingency table of the labels.
    """

    n_clusters: int
    sizes: str
    pattern: str
    moved: int
    delta_squared: int


class Monotone(NamedTuple):
    """Random moves of one more point, of partitions with a given share of points moved already.

    Attributes:
        n_clusters: number of clusters.
        imbalance: size of the largest cluster over that of the smallest, in geometric steps.
        share_moved: share of the points that had moved before.
        moves: moves tried.
        not_monotone: those that did not increase delta.
        inside_region: those of partitions in the region of the growth theorem.
        violations_inside: those of these that did not increase delta.
    """

    n_clusters: int
    imbalance: float
    share_moved: float
    moves: int
    not_monotone: int
    inside_region: int
    violations_inside: int


def geometric_sizes(n: int, n_clusters: int, imbalance: float) -> np.ndarray:
    """Sizes (K,) of n points, falling in geometric steps to 1 / ``imbalance`` of the first.

    Rounded by largest remainders; no cluster is empty.

    Raises:
        UserError: more clusters than points, or an imbalance below 1.
    """
    if n_clusters < 1 or n < n_clusters or imbalance < 1:
        raise UserError(
            "each cluster needs a point, and the largest is no smaller than the smallest",
            where=f"{n} points, {n_clusters} clusters, imbalance {imbalance}",
            remedy="give at least as many points as clusters and an imbalance of 1 or more",
        )
    weights = np.geomspace(imbalance, 1, n_clusters)
    exact = n * weights / weights.sum()
    sizes: np.ndarray = np.maximum(1, exact.astype(np.int64))
    order = np.argsort(sizes - exact, kind="stable")
    sizes[order[: max(0, n - int(sizes.sum()))]] += 1
    # Clusters that were raised to one point have taken them from no other cluster yet.
    while sizes.sum() > n:
        sizes[sizes.argmax()] -= 1
    return sizes


def transfer_tables(
    sizes: np.ndarray, moved: int, draws: int, generator: np.random.Generator
) -> np.ndarray:
    """Tables (draws, K, K) of random transfers of ``moved`` points between K >= 2 clusters.

    Who leaves and where to is uneven from draw to draw: in each, clusters have exponential odds of
    losing points, and each pair of clusters has exponential odds of being the way taken. So all
    patterns occur, from one direction to all directions.
    """
    n_clusters, n = len(sizes), int(sizes.sum())
    before = np.repeat(np.arange(n_clusters), sizes)
    odds = generator.exponential(size=(draws, n_clusters))
    # The first arrivals of exponential clocks are a draw without replacement by these odds.
    clocks = generator.exponential(size=(draws, n)) / odds[:, before]
    leaves = np.argsort(np.argsort(clocks, axis=1, kind="stable"), axis=1) < moved
    ways = generator.exponential(size=(draws, n_clusters, n_clusters))
    ways[:, np.arange(n_clusters), np.arange(n_clusters)] = 0
    steps = ways.cumsum(2) / ways.sum(2, keepdims=True)
    steps[:, :, -1] = 1
    # For the last cluster the way to itself is closed, though its step also ends at 1.
    steps[:, -1, -2] = 1
    lot = generator.random(size=(draws, n, 1))
    target = (lot >= steps[:, before]).sum(2)
    after = np.where(leaves, target, before)
    place = (np.arange(draws)[:, None] * n_clusters + before) * n_clusters + after
    counts = np.bincount(place.ravel(), minlength=draws * n_clusters**2)
    return counts.reshape(draws, n_clusters, n_clusters)


def moved_points(partitions: Iterable[Sequence[int]]) -> list[Moved]:
    """delta^2 of every pattern and every number of points that it can move.

    Args:
        partitions: sizes of two or three clusters each. Two clusters take the patterns that need
            no third.

    Raises:
        UserError: neither two nor three clusters.
    """
    found = []
    for sizes in partitions:
        if len(sizes) not in (2, 3):
            raise UserError(
                "patterns of moves are among two or three clusters",
                where=f"sizes {list(sizes)}",
                remedy="give two or three sizes",
            )
        of_three = [*sizes, 0][:3]
        for name, pattern in PATTERNS.items():
            if max(max(flow) for flow in pattern.shares) >= len(sizes):
                continue
            for moved in range(0, sum(sizes) + 1, pattern.parts):
                leaving = pattern_flows([sum(sizes)] * 3, moved, name).sum(1)
                if (leaving > of_three).any():
                    break
                flows = pattern_flows(of_three, moved, name)
                value = delta_squared(*labels_of(flows + np.diag(of_three - flows.sum(1))))
                text = ",".join(map(str, sizes))
                found.append(Moved(len(sizes), text, name, moved, value))
    return found


def monotonicity(
    n: int,
    n_clusters: Sequence[int],
    imbalances: Sequence[float],
    bins: int,
    draws: int,
    seed: int,
) -> list[Monotone]:
    """How often one more moved point does not increase delta.

    After a random transfer of a share of the points a random point that stayed moves to a random
    other cluster. delta is computed before and after, not by its closed form.

    Args:
        n: points.
        n_clusters: numbers of clusters, each from 2 to n.
        imbalances: largest over smallest size, each at least 1.
        bins: shares of moved points: the middles of this many equal parts of [0, 1].
        draws: random transfers in each cell.
        seed: decides them; a cell's own do not depend on the others.
    """
    found = []
    for clusters in n_clusters:
        for imbalance in imbalances:
            sizes = geometric_sizes(n, clusters, imbalance)
            for place in range(bins):
                moved = min(round((place + 0.5) / bins * n), n - 1)
                generator = np.random.default_rng(
                    derive_seed(seed, "monotone", clusters, imbalance, place)
                )
                tables = transfer_tables(sizes, moved, draws, generator)
                grows = _grows(tables, generator)
                inside = (_stayed(tables) > _arrived(tables)).all(1)
                found.append(
                    Monotone(
                        clusters,
                        imbalance,
                        (place + 0.5) / bins,
                        draws,
                        int((~grows).sum()),
                        int(inside.sum()),
                        int((inside & ~grows).sum()),
                    )
                )
    return found


def _grows(tables: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Whether delta grows when a random point that stayed moves to a random other cluster."""
    draws, n_clusters, _ = tables.shape
    stayed = _stayed(tables)
    lot = generator.integers(0, stayed.sum(1))
    source = (lot[:, None] >= stayed.cumsum(1)).sum(1)
    target = (source + generator.integers(1, n_clusters, size=draws)) % n_clusters
    after = tables.copy()
    rows = np.arange(draws)
    after[rows, source, source] -= 1
    after[rows, source, target] += 1
    grown: np.ndarray = _delta_squared(after) > _delta_squared(tables)
    return grown


def _delta_squared(tables: np.ndarray) -> np.ndarray:
    rows, columns = tables.sum(2), tables.sum(1)
    value: np.ndarray = (rows**2).sum(1) + (columns**2).sum(1) - 2 * (tables**2).sum((1, 2))
    return value


def _stayed(tables: np.ndarray) -> np.ndarray:
    return np.diagonal(tables, axis1=1, axis2=2)


def _arrived(tables: np.ndarray) -> np.ndarray:
    arrived: np.ndarray = tables.sum(1) - _stayed(tables)
    return arrived
