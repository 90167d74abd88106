"""Deviations between two partitions of the same n points: 0 for the same partition.

A partition is given by its labels, whole numbers (n,) of which only equality counts; the two may
have different numbers of clusters. The label -1 is noise: such a point is a cluster of its own.

The delta-measure is the Frobenius distance ``|Y Y' - Z Z'|_F`` of the co-association matrices (Y
and Z are the 0/1 membership matrices, (n, K) and (n, K')); Biggio et al. 2013 attack clusterings by
it. With the contingency table ``n_ab`` and its sums ``n_a`` and ``n_b``

    delta^2 = sum_a n_a^2 + sum_b n_b^2 - 2 sum_ab n_ab^2 = 2 * (unordered pairs that disagree)

which is Mirkin's metric and ``n (n - 1) (1 - RI)`` with Rand's index RI. So delta and RI put any
two partitions in the same order; that comparison can only show scale. Closed forms for what
happens to it when points move are in :mod:`advlearn.deviations.delta`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from advlearn.support.errors import UserError

NOISE = -1

PartitionDeviation = Callable[[ArrayLike, ArrayLike], float]
"""``(labels before (n,), labels after (n,)) -> number``, 0 for the same partition."""


class Contingency(NamedTuple):
    """How two partitions cut each other; only cells that hold points are listed.

    Args:
        rows: (K,) sizes of the clusters before, none empty.
        columns: (K',) sizes of the clusters after, none empty.
        row: (c,) cluster before of each cell.
        column: (c,) cluster after of each cell.
        cells: (c,) number of points in both.
    """

    rows: np.ndarray
    columns: np.ndarray
    row: np.ndarray
    column: np.ndarray
    cells: np.ndarray


def contingency(before: ArrayLike, after: ArrayLike) -> Contingency:
    """The table of two partitions of the same points, in O(n) but for wild labels.

    Labels larger than n, or more than 8 n possible cells, cost a sort.

    Raises:
        UserError: no points, not one whole number a point, a label below -1, other lengths.
    """
    first, n_rows = _label_codes(before, "before")
    second, n_columns = _label_codes(after, "after")
    if len(first) != len(second):
        raise UserError(
            "two partitions must be of the same points",
            where=f"{len(first)} labels before, {len(second)} after",
            remedy="give one label for each point, in the same order",
        )
    joint = first * n_columns + second
    if n_rows * n_columns <= 8 * len(first):
        counts = np.bincount(joint)
        found = np.flatnonzero(counts)
        cells = counts[found]
    else:
        found, cells = np.unique(joint, return_counts=True)
    return Contingency(
        rows=np.bincount(first, minlength=n_rows),
        columns=np.bincount(second, minlength=n_columns),
        row=found // n_columns,
        column=found % n_columns,
        cells=cells,
    )


def delta_squared(before: ArrayLike, after: ArrayLike) -> int:
    """``|Y Y' - Z Z'|_F^2``, an even whole number in [0, n (n - 1)]."""
    table = contingency(before, after)
    return _squares(table.rows) + _squares(table.columns) - 2 * _squares(table.cells)


def delta(before: ArrayLike, after: ArrayLike) -> float:
    """The delta-measure ``|Y Y' - Z Z'|_F``, a metric on partitions, in [0, sqrt(n (n - 1))]."""
    return math.sqrt(delta_squared(before, after))


def delta_per_n(before: ArrayLike, after: ArrayLike) -> float:
    """Delta / n, in [0, 1): what Cinà et al. 2022 attack."""
    return delta(before, after) / len(np.asarray(before))


def one_minus_ri(before: ArrayLike, after: ArrayLike) -> float:
    """1 - Rand's index (1971), the share of pairs that disagree, in [0, 1]; 0 for one point."""
    n = len(np.asarray(before))
    return delta_squared(before, after) / max(1, n * (n - 1))


def one_minus_ari(before: ArrayLike, after: ArrayLike) -> float:
    """1 - Rand's index adjusted for chance (Hubert and Arabie 1985), in [0, 1.5].

    With P and Q the pairs that are together before and after, of N in all, it is
    ``delta^2 / (2 (P + Q) - 4 P Q / N)``: for given sizes of all clusters delta in another scale.
    """
    table = contingency(before, after)
    n = int(table.cells.sum())
    rows, columns = _squares(table.rows), _squares(table.columns)
    apart = rows + columns - 2 * _squares(table.cells)
    if apart == 0:
        return 0.0
    # Whole numbers up to the division: rows - n is 2 P and columns - n is 2 Q.
    chance = (rows - n + columns - n) * n * (n - 1) - 2 * (rows - n) * (columns - n)
    return apart * n * (n - 1) / chance


def one_minus_nmi(before: ArrayLike, after: ArrayLike) -> float:
    """1 - mutual information over the mean of both entropies, in [0, 1]."""
    table = contingency(before, after)
    if _same(table):
        return 0.0
    information, mean_entropy = _information(table)
    return 1.0 - information / mean_entropy


def one_minus_ami(before: ArrayLike, after: ArrayLike) -> float:
    """1 - mutual information adjusted for chance (Vinh et al. 2010); may exceed 1.

    Normalised by the mean of both entropies. 1 where one of the two is a single cluster. Memory
    and time grow with K K'.
    """
    # A second, which only this deviation needs.
    from sklearn.metrics.cluster import expected_mutual_information

    table = contingency(before, after)
    if _same(table):
        return 0.0
    if table.rows.max() == table.cells.sum() or table.columns.max() == table.cells.sum():
        return 1.0
    information, mean_entropy = _information(table)
    chance = float(expected_mutual_information(_dense(table), int(table.cells.sum())))
    return 1.0 - (information - chance) / (mean_entropy - chance)


def vi(before: ArrayLike, after: ArrayLike) -> float:
    """Variation of information H(before | after) + H(after | before) in nats (Meilă 2007).

    A metric, in [0, log n].
    """
    table = contingency(before, after)
    of_row = table.cells / table.rows[table.row]
    of_column = table.cells / table.columns[table.column]
    # Adding 0 turns the -0.0 of the same partition into 0.0.
    return float(-(table.cells @ np.log(of_row * of_column)) / table.cells.sum()) + 0.0


def matching_error(before: ArrayLike, after: ArrayLike) -> float:
    """Smallest share of points that must change their cluster, in [0, 1).

    Clusters are matched one to one by the Hungarian method, O((K + K')^3) in time and O(K K') in
    memory; those left over where K differs from K' match nothing.
    """
    from scipy.optimize import linear_sum_assignment

    table = contingency(before, after)
    overlap = _dense(table)
    kept = overlap[linear_sum_assignment(overlap, maximize=True)].sum()
    n = table.cells.sum()
    return float((n - kept) / n)


DEVIATIONS: dict[str, PartitionDeviation] = {
    "delta": delta,
    "delta_per_n": delta_per_n,
    "one_minus_ri": one_minus_ri,
    "one_minus_ari": one_minus_ari,
    "one_minus_nmi": one_minus_nmi,
    "one_minus_ami": one_minus_ami,
    "vi": vi,
    "matching_error": matching_error,
}
"""Deviations by name; each is 0 exactly where the partitions are the same."""


def _dense(table: Contingency) -> np.ndarray:
    counts = np.zeros((len(table.rows), len(table.columns)), dtype=np.int64)
    counts[table.row, table.column] = table.cells
    return counts


def _same(table: Contingency) -> bool:
    return len(table.rows) == len(table.columns) == len(table.cells)


def _information(table: Contingency) -> tuple[float, float]:
    """Mutual information, not below 0, and the mean of both entropies, in nats."""
    n = float(table.cells.sum())
    expected = table.rows[table.row] * (table.columns[table.column] / n)
    information = float(table.cells @ np.log(table.cells / expected)) / n
    entropies = [-float(sizes @ np.log(sizes / n)) / n for sizes in (table.rows, table.columns)]
    return max(0.0, information), sum(entropies) / 2


def _label_codes(labels: ArrayLike, which: str) -> tuple[np.ndarray, int]:
    """Labels 0..K-1 without gaps, every noise point with one of its own, and K."""
    array = np.asarray(labels)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iub":
        raise UserError(
            "a partition is one whole number for each of its points, and has a point",
            where=f"labels {which}, of shape {array.shape} and type {array.dtype}",
            remedy="give labels (n,) of an integer type, -1 for noise",
        )
    array = array.astype(np.int64)
    if (low := int(array.min())) < NOISE:
        raise UserError(
            f"labels are whole numbers from {NOISE} (noise) on",
            where=f"labels {which}, label {low} of point {int(array.argmin())}",
            remedy="number the clusters from 0 on",
        )
    noise = array == NOISE
    n_noise = int(noise.sum())
    if array.max() < len(array):
        taken = np.bincount(array + 1, minlength=len(array) + 1)[1:] > 0
        array = (np.cumsum(taken) - 1)[array]  # noise reads the last entry; it is set below
        top = int(taken.sum())
    else:
        found, array = np.unique(array, return_inverse=True)
        array -= n_noise > 0
        top = len(found) - (n_noise > 0)
    array[noise] = np.arange(top, top + n_noise)
    return array, top + n_noise


def _squares(counts: np.ndarray) -> int:
    return int(counts @ counts)
