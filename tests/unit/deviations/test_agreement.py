"""Random changes of partitions, and how deviations order them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from advlearn.deviations.agreement import KINDS, REACHES, agreement, random_change
from advlearn.deviations.moves import geometric_sizes
from advlearn.deviations.partitions import DEVIATIONS, contingency, delta, matching_error
from advlearn.support.seeds import derive_seed

SIZES = np.array([12, 8, 4, 4])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reach", [0.05, 0.9])
def test_changes_are_what_they_are_called(kind: str, reach: float) -> None:
    generator = np.random.default_rng(5)
    for _ in range(40):
        before, after = random_change(SIZES, kind, reach, generator)
        table = contingency(before, after)
        assert table.rows.tolist() == SIZES.tolist()
        moved = round(matching_error(before, after) * 28)
        if kind == "transfer":
            assert set(after) <= set(range(4))
            assert 0 < moved <= 1 + reach * 27
        if kind == "split":
            # Every cluster after lies within one before.
            assert len(table.cells) == len(table.columns) > 4
            assert moved <= 1 + reach * 27
        if kind == "merge":
            assert len(table.cells) == len(table.rows) == 4
            assert 4 - (1 + reach * 3) <= len(table.columns) <= 3


def test_splitting_stops_at_single_points() -> None:
    before, after = random_change(np.array([1, 1]), "split", 0.99, np.random.default_rng(0))
    assert delta(before, after) == 0


def test_every_scenario_once_and_tau_as_scipy_has_it() -> None:
    found = agreement(30, [2, 4], 4.0, partitions=12, seeds=[0, 1])
    keys = [row[:6] for row in found]
    assert len(set(keys)) == len(keys) == 2 * 2 * len(REACHES) * len(KINDS) * 2 * len(DEVIATIONS)
    for row in found:
        assert row.kendall_tau is None or -1 <= row.kendall_tau <= 1
        assert row.n_pairs <= 12 * 11 / 2
        if row.deviation == "matching_error" and row.n_pairs:
            assert row.kendall_tau == pytest.approx(1)
        if row.n_clusters == 2 and row.kind == "merge":
            assert (row.kendall_tau, row.n_pairs) == (None, 0)
    by_key = {row[:6]: row.kendall_tau for row in found}
    for row in found:
        # Growing functions of delta for given n, so the same order.
        if row.deviation in ("delta_per_n", "one_minus_ri"):
            same = by_key[(*row[:4], "delta", row.seed)]
            assert row.kendall_tau == (same if same is None else pytest.approx(same, abs=1e-12))


def test_a_scenario_by_hand() -> None:
    cell = ("light", 3, "unbalanced", "transfer")
    generator = np.random.default_rng(derive_seed(7, "agreement", *cell))
    sizes = geometric_sizes(40, 3, 6.0)
    pairs = [random_change(sizes, "transfer", REACHES["light"], generator) for _ in range(15)]
    values = [round(DEVIATIONS["vi"](*pair), 9) for pair in pairs]
    moved = [round(matching_error(*pair), 9) for pair in pairs]
    row = next(
        row
        for row in agreement(40, [3], 6.0, 15, [7])
        if (*row[:4], row.deviation) == (*cell, "vi")
    )
    assert row.kendall_tau == pytest.approx(kendalltau(values, moved).statistic)
    assert row.n_pairs == sum(a != b for place, a in enumerate(moved) for b in moved[place + 1 :])


def test_two_clusters_and_few_moved_points_are_counted_exactly() -> None:
    """delta^2 = 2 m (n - m) grows with m, which is the matching error, up to n / 2."""
    found = agreement(60, [2], 1.0, partitions=20, seeds=[0])
    taus = [
        row.kendall_tau
        for row in found
        if (row.kind, row.deviation, row.scenario) == ("transfer", "delta", "light")
    ]
    assert taus == [pytest.approx(1)] * 2
