"""Random transfers and what delta does with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advlearn.deviations.delta import guaranteed_growth, three_clusters, two_clusters
from advlearn.deviations.moves import geometric_sizes, monotonicity, moved_points, transfer_tables
from advlearn.support.errors import UserError


@given(st.integers(1, 8), st.integers(0, 200), st.floats(1, 50))
def test_geometric_sizes(clusters: int, more: int, imbalance: float) -> None:
    sizes = geometric_sizes(clusters + more, clusters, imbalance)
    assert sizes.sum() == clusters + more
    assert sizes.min() >= 1
    assert (np.diff(sizes) <= 1).all()  # rounding may turn equal shares by one


def test_geometric_sizes_keep_their_ratio() -> None:
    assert geometric_sizes(700, 3, 4.0).tolist() == [400, 200, 100]
    assert geometric_sizes(120, 5, 1.0).tolist() == [24] * 5
    with pytest.raises(UserError, match="each cluster needs a point"):
        geometric_sizes(2, 3, 1.0)
    with pytest.raises(UserError, match="no smaller than the smallest"):
        geometric_sizes(9, 3, 0.5)


@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=5),
    st.integers(0, 40),
    st.integers(0, 10**6),
)
def test_transfers_keep_sizes_and_move_so_many(sizes: list[int], moved: int, seed: int) -> None:
    moved = min(moved, sum(sizes))
    tables = transfer_tables(np.array(sizes), moved, 3, np.random.default_rng(seed))
    assert tables.shape == (3, len(sizes), len(sizes))
    assert (tables.sum(2) == sizes).all()
    assert (tables.sum((1, 2)) - np.trace(tables, axis1=1, axis2=2) == moved).all()


def test_transfers_take_all_ways() -> None:
    tables = transfer_tables(np.array([10, 10, 10]), 9, 300, np.random.default_rng(0))
    off = ~np.eye(3, dtype=bool)
    assert (tables[:, off].max(0) >= 5).all()
    assert (tables[:, off].min(0) == 0).all()


def test_moved_points_follow_the_closed_forms() -> None:
    found = moved_points([(6, 6), (3, 9), (6, 6, 6), (2, 9, 4)])
    for row in found:
        sizes = [int(size) for size in row.sizes.split(",")]
        if row.n_clusters == 2:
            assert row.delta_squared == two_clusters(12, row.moved)
        else:
            assert row.delta_squared == three_clusters(sizes, row.moved, row.pattern)
    kinds = {(row.n_clusters, row.pattern) for row in found}
    assert {name for clusters, name in kinds if clusters == 2} == {"single", "swap"}
    assert len({name for clusters, name in kinds if clusters == 3}) == 7
    whole = [row.moved for row in found if row.sizes == "6,6" and row.pattern == "swap"]
    assert whole == list(range(0, 13, 2))
    with pytest.raises(UserError, match="two or three clusters"):
        moved_points([(1, 2, 3, 4)])


def test_growth_over_random_moves() -> None:
    found = monotonicity(40, [2, 3], [1.0, 4.0], bins=10, draws=80, seed=0)
    assert sum(row.violations_inside for row in found) == 0
    for row in found:
        sizes = geometric_sizes(40, row.n_clusters, row.imbalance).tolist()
        moved = round(row.share_moved * 40)
        if moved <= guaranteed_growth(sizes):
            assert row.inside_region == row.moves
            assert row.not_monotone == 0
        if 2 * moved >= 40:
            assert row.inside_region == 0
        if row.n_clusters == 2:
            # 2 m (n - m) grows up to n / 2 and then falls, always.
            assert row.not_monotone == (row.moves if 2 * moved + 1 >= 40 else 0)
    three = [row for row in found if row.n_clusters == 3 and row.share_moved > 0.9]
    assert all(0 < row.not_monotone < row.moves for row in three)
    assert monotonicity(40, [3], [4.0], 10, 80, seed=0) == [
        row for row in found if (row.n_clusters, row.imbalance) == (3, 4.0)
    ]
