"""Closed forms of the delta-measure, and where it grows with the number of moved points.

All are for delta^2 (:func:`advlearn.deviations.partitions.delta_squared`), exact, in whole numbers,
and derived here; docs/studies/bilevel-delta.md has the proofs. Two partitions of n points that have
the same K clusters by name are given by a *table* (K, K), entry (a, b) the points that went from a
to b (its diagonal: those that stayed), or by the sizes before, n_a, and the *flows* m_ab, a table
with an empty diagonal. Then r_a = sum_b m_ab leave a, c_a = sum_b m_ba arrive, m = sum_a r_a move.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from advlearn.support.errors import UserError


class Pattern(NamedTuple):
    """How m moved points are shared out among the flows of three clusters.

    Args:
        shares: share of m that goes from a to b; they add up to 1.
        q: the curvature: delta^2 is a leading term that grows with m, less ``q m^2``.
    """

    shares: dict[tuple[int, int], Fraction]
    q: Fraction

    @property
    def parts(self) -> int:
        """The number by which m must divide."""
        return len(self.shares)


def _equally(q: Fraction, *flows: tuple[int, int]) -> Pattern:
    return Pattern(dict.fromkeys(flows, Fraction(1, len(flows))), q)


PATTERNS: dict[str, Pattern] = {
    "converge": _equally(Fraction(1, 2), (1, 0), (2, 0)),
    "symmetric": _equally(Fraction(1), (0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)),
    "cyclic": _equally(Fraction(4, 3), (0, 1), (1, 2), (2, 0)),
    "diverge": _equally(Fraction(3, 2), (0, 1), (0, 2)),
    "chain": _equally(Fraction(3, 2), (0, 1), (1, 2)),
    "single": _equally(Fraction(2), (0, 1)),
    "swap": _equally(Fraction(2), (0, 1), (1, 0)),
}
"""Patterns of moves among three clusters, by falling delta where sizes and m are the same."""


def from_table(table: ArrayLike) -> int:
    """``sum_a n_a^2 + sum_b n_b^2 - 2 sum_ab n_ab^2``.

    Range: any contingency table (K, K'), K and K' may differ.

    Raises:
        UserError: no table of whole numbers from 0 on.
    """
    counts = _counts(table)
    return _squares(counts.sum(1)) + _squares(counts.sum(0)) - 2 * _squares(counts)


def from_flows(sizes: Sequence[int], flows: ArrayLike) -> int:
    """``2 sum_a n_a (r_a + c_a) + sum_a (c_a^2 - 2 c_a r_a - r_a^2) - 2 sum_ab m_ab^2``.

    Range: the same K >= 1 clusters before and after, of any sizes; any flows that the sizes allow.
    A cluster may be emptied, or be empty before.

    Args:
        sizes: (K,) points of each cluster before.
        flows: (K, K) points that go from a to b, 0 on the diagonal.

    Raises:
        UserError: more points leave a cluster than it has, or the diagonal is not empty.
    """
    n, moved = _flows(sizes, flows)
    leaving, arriving = moved.sum(1), moved.sum(0)
    leading = 2 * int(n @ (leaving + arriving))
    bending = int((arriving**2 - 2 * arriving * leaving - leaving**2).sum())
    return leading + bending - 2 * _squares(moved)


def symmetric_part(sizes: Sequence[int], flows: ArrayLike) -> Fraction:
    """``2 sum_a n_a s_a - 1/2 sum_a s_a^2 - sum_{a<b} S_ab^2``.

    Here S_ab = m_ab + m_ba is the traffic between two clusters and s_a = sum_b S_ab that of one.
    Together with :func:`asymmetric_part` it is :func:`from_flows`, of the same range.
    """
    n, moved = _flows(sizes, flows)
    traffic = moved + moved.T
    total = traffic.sum(1)
    return 2 * int(n @ total) - Fraction(_squares(total) + _squares(traffic), 2)


def asymmetric_part(sizes: Sequence[int], flows: ArrayLike) -> Fraction:
    """``1/2 sum_a h_a^2 - sum_a s_a h_a - sum_{a<b} D_ab^2``: 0 where every flow flows back.

    Here D_ab = m_ab - m_ba is the net flow and h_a = sum_b D_ab what a cluster loses.
    Range: as :func:`from_flows`.
    """
    _, moved = _flows(sizes, flows)
    net = moved - moved.T
    loss = net.sum(1)
    total = (moved + moved.T).sum(1)
    return Fraction(_squares(loss) - _squares(net), 2) - int(total @ loss)


def two_clusters(n: int, moved: int) -> int:
    """``2 m (n - m)``: sizes and directions of the moves do not matter.

    Range: two clusters, 0 <= m <= n. Grows strictly up to m = n / 2 and falls back to 0 at m = n,
    where the clusters have changed their names.

    Raises:
        UserError: m is outside [0, n].
    """
    _check_moved(moved, n)
    return 2 * moved * (n - moved)


def exchange(size: int, other: int, moved: int) -> int:
    """``2 m (n_a + n_b - m)``: moves between two of any number of clusters, in any directions.

    Range: 0 <= m <= n_a + n_b; the other clusters neither lose nor gain points.
    """
    return two_clusters(size + other, moved)


def three_clusters(sizes: Sequence[int], moved: int, pattern: str) -> int:
    """``2 sum_a n_a s_a - q m^2`` with the pattern's traffic s_a and curvature q.

    Range: three clusters of any sizes (n_0, n_1, n_2); m a multiple of the pattern's number of
    flows, such that no cluster loses more points than it has. With three clusters of one size s it
    is ``4 s m - q m^2`` (:func:`balanced`).

    Raises:
        UserError: unknown pattern, m does not divide, or a cluster loses more than it has.
    """
    flows = pattern_flows(sizes, moved, pattern)
    traffic = (flows + flows.T).sum(1)
    bent = PATTERNS[pattern].q * moved**2
    value = 2 * int(np.asarray(sizes) @ traffic) - bent
    assert value.denominator == 1
    return int(value)


def pattern_flows(sizes: Sequence[int], moved: int, pattern: str) -> np.ndarray:
    """The flows (3, 3) of a pattern.

    Raises:
        UserError: unknown pattern, m does not divide, or a cluster loses more than it has.
    """
    if pattern not in PATTERNS:
        raise UserError(
            f"unknown pattern {pattern!r}",
            where="patterns of moves among three clusters",
            remedy=f"use one of: {', '.join(PATTERNS)}",
        )
    parts = PATTERNS[pattern].parts
    if moved % parts:
        raise UserError(
            f"{moved} points cannot be shared out equally among {parts} flows",
            where=f"pattern {pattern!r}",
            remedy=f"move a multiple of {parts} points",
        )
    flows = np.zeros((3, 3), dtype=np.int64)
    for (source, target), share in PATTERNS[pattern].shares.items():
        flows[source, target] = int(share * moved)
    return _flows(sizes, flows)[1]


def balanced(size: int, moved: int, q: Fraction) -> Fraction:
    """``4 s m - q m^2``: K clusters of one size s of which m points move with curvature q.

    Range: K >= 2 clusters of the same size; q of the flows as in :func:`curvature`.
    """
    return 4 * size * moved - q * moved**2


def curvature(flows: ArrayLike) -> Fraction:
    """``(sum_a (r_a^2 + 2 c_a r_a - c_a^2) + 2 sum_ab m_ab^2) / m^2``, which knows no sizes.

    Range: any flows (K, K) of at least one point. It lies in :func:`curvature_range`.

    Raises:
        UserError: nothing moves.
    """
    moved = _counts(flows)
    leaving, arriving = moved.sum(1), moved.sum(0)
    total = int(leaving.sum())
    if total == 0:
        raise UserError(
            "no point moves, so that there is no curvature",
            where="flows of 0 points",
            remedy="give flows of at least one point",
        )
    bent = int((leaving**2 + 2 * arriving * leaving - arriving**2).sum()) + 2 * _squares(moved)
    return Fraction(bent, total**2)


def curvature_range(n_clusters: int) -> tuple[Fraction, Fraction]:
    """Least and greatest curvature: ``3 / (K - 1) - 1`` and 2.

    Range: K >= 2. The least is reached where K - 1 clusters send the same number of points to the
    last one, the greatest by moves between two clusters alone. So with K clusters of one size s

        4 s m - 2 m^2  <=  delta^2  <=  4 s m - (3 / (K - 1) - 1) m^2 .

    Raises:
        UserError: fewer than two clusters.
    """
    if n_clusters < 2:
        raise UserError(
            "points move between at least two clusters",
            where=f"{n_clusters} clusters",
            remedy="give two or more",
        )
    return Fraction(3, n_clusters - 1) - 1, Fraction(2)


def split(size: int, part: int) -> int:
    """``2 p (n_a - p)``: p points of a cluster become a cluster of their own.

    Range: 0 <= p <= n_a, any number of clusters.

    Raises:
        UserError: p is outside [0, n_a].
    """
    return two_clusters(size, part)


def merge(size: int, other: int) -> int:
    """``2 n_a n_b``: two of any number of clusters become one."""
    return 2 * size * other


def pluck(size: int) -> int:
    """``2 (n_a - 1)``: one point becomes a cluster of its own; range n_a >= 1."""
    return split(size, 1)


def in_growth_region(table: ArrayLike) -> bool:
    """Whether in every cluster those that stayed outnumber those that arrived, n_aa > c_a.

    There the growth theorem holds: whichever point that stayed moves next, and wherever to, delta
    grows. Range: a table (K, K) of the same clusters before and after.
    """
    stayed, arrived = _stayed_arrived(_square(table))
    return bool((stayed > arrived).all())


def guaranteed_growth(sizes: Sequence[int]) -> int:
    """The smallest size less 1: so few moved points leave every table in the growth region.

    For n_aa - c_a = n_a - (r_a + c_a) >= n_a - m. No table with m >= n / 2 is in it, since the sum
    of all n_aa - c_a is n - 2 m. Range: K >= 1 clusters of any sizes, none empty.

    Raises:
        UserError: a cluster is empty, or there is none.
    """
    if not len(sizes) or min(sizes) < 1:
        raise UserError(
            "each cluster has at least one point", where=f"sizes {list(sizes)}", remedy="give sizes"
        )
    return min(sizes) - 1


def increment(table: ArrayLike, source: int, target: int) -> int:
    """``2 (n_aa - 1 - c_a + n_bb + c_b - 2 m_ab)``: delta^2 after less before one more move a -> b.

    Range: a table (K, K), a != b, of which a point of a has stayed so far. Where
    :func:`in_growth_region` it is above 0: n_aa - 1 - c_a >= 0, and n_bb > c_b >= m_ab.

    Raises:
        UserError: a = b, or nobody is left in a to move.
    """
    counts = _square(table)
    stayed, arrived = _stayed_arrived(counts)
    if source == target or not stayed[source]:
        raise UserError(
            "one more move needs a point that stayed, and another cluster",
            where=f"cluster {source} to {target}, {int(stayed[source])} points stayed",
            remedy="name two different clusters, the first not empty",
        )
    leaving = stayed[source] - 1 - arrived[source]
    return 2 * int(leaving + stayed[target] + arrived[target] - 2 * counts[source, target])


def count_order_bound(size: int, n_clusters: int = 3) -> int:
    """The largest m <= s - 1 with ``4 s > 2 (m + 1)^2 - (3 / (K - 1) - 1) m^2``.

    Range: K >= 2 clusters of one size s >= 1. Up to there delta counts: of two partitions with at
    most m + 1 moved points, that with more of them is further away, whatever their patterns. The
    condition suffices; where it fails the order need not.

    Raises:
        UserError: fewer than two clusters, or no points.
    """
    if size < 1:
        raise UserError(
            "a cluster has at least one point", where=f"size {size}", remedy="give 1 or more"
        )
    least, greatest = curvature_range(n_clusters)
    # The right side grows with m, since least <= 2, and at m = 0 it is 2 < 4 s.
    m = 0
    while m + 1 < size and 4 * size > greatest * (m + 2) ** 2 - least * (m + 1) ** 2:
        m += 1
    return m


def _stayed_arrived(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    stayed = counts.diagonal()
    return stayed, counts.sum(0) - stayed


def _squares(counts: np.ndarray) -> int:
    return int((counts.astype(np.int64) ** 2).sum())


def _counts(table: ArrayLike) -> np.ndarray:
    counts = np.asarray(table)
    if counts.ndim != 2 or counts.dtype.kind not in "iu" or (counts.size and counts.min() < 0):
        raise UserError(
            "a table holds counts, whole numbers from 0 on",
            where=f"table of shape {counts.shape} and type {counts.dtype}",
            remedy="give an array (clusters before, clusters after) of an integer type",
        )
    return counts.astype(np.int64)


def _square(table: ArrayLike) -> np.ndarray:
    counts = _counts(table)
    if counts.shape[0] != counts.shape[1]:
        raise UserError(
            "moves are told apart only between the same clusters",
            where=f"table of shape {counts.shape}",
            remedy="give a square table, cluster by cluster in the same order",
        )
    return counts


def _flows(sizes: Sequence[int], flows: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    moved = _square(flows)
    n = np.asarray(sizes, dtype=np.int64)
    if n.shape != moved.shape[:1] or moved.diagonal().any() or (moved.sum(1) > n).any():
        raise UserError(
            "no cluster can lose more points than it has, or lose points to itself",
            where=f"sizes {n.tolist()}, flows {moved.tolist()}",
            remedy="give one size a cluster and flows that add up to at most these",
        )
    return n, moved


def _check_moved(moved: int, n: int) -> None:
    if not 0 <= moved <= n:
        raise UserError(
            f"of {n} points {moved} cannot move",
            where=f"{moved} moved points",
            remedy=f"give a number from 0 to {n}",
        )
