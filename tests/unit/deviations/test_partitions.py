"""Deviations between partitions: against co-association matrices, scikit-learn and definitions."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics.cluster import pair_confusion_matrix

from advlearn.deviations.partitions import (
    DEVIATIONS,
    contingency,
    delta,
    delta_per_n,
    delta_squared,
    matching_error,
    one_minus_ri,
    vi,
)
from advlearn.support.errors import UserError

METRICS = ("delta", "delta_per_n", "one_minus_ri", "vi", "matching_error")


@st.composite
def partitions(draw: st.DrawFn, count: int = 2, low: int = 0) -> list[np.ndarray]:
    """Partitions of the same 1 to 14 points, K may differ; ``low`` -1: noise."""
    n = draw(st.integers(1, 14))
    return [
        draw(hnp.arrays(np.int64, n, elements=st.integers(low, draw(st.integers(low, 6)))))
        for _ in range(count)
    ]


def co_association(labels: np.ndarray) -> np.ndarray:
    """M = Y Y', (n, n), from the membership matrix; noise is together with itself alone."""
    names = [label if label >= 0 else ("noise", point) for point, label in enumerate(labels)]
    texts = [str(name) for name in names]
    members: np.ndarray = np.array([[a == b for b in set(texts)] for a in texts], int)
    together: np.ndarray = members @ members.T
    return together


def brute_force(before: np.ndarray, after: np.ndarray) -> int:
    return int(((co_association(before) - co_association(after)) ** 2).sum())


@given(partitions(low=-1))
def test_delta_squared_is_the_frobenius_distance_of_the_co_association_matrices(
    two: list[np.ndarray],
) -> None:
    assert delta_squared(*two) == brute_force(*two)
    assert delta(*two) == pytest.approx(
        np.linalg.norm(co_association(two[0]) - co_association(two[1]))
    )


@given(partitions())
def test_delta_squared_counts_the_pairs_that_disagree(two: list[np.ndarray]) -> None:
    confusion = pair_confusion_matrix(*two)
    assert delta_squared(*two) == confusion[0, 1] + confusion[1, 0]
    n = len(two[0])
    assert delta_squared(*two) == pytest.approx(n * (n - 1) * one_minus_ri(*two))
    assert delta_per_n(*two) == pytest.approx(math.sqrt(delta_squared(*two)) / n)


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("one_minus_ri", sklearn.metrics.rand_score),
        ("one_minus_ari", sklearn.metrics.adjusted_rand_score),
        ("one_minus_nmi", sklearn.metrics.normalized_mutual_info_score),
        ("one_minus_ami", sklearn.metrics.adjusted_mutual_info_score),
    ],
)
@given(two=partitions())
def test_scores_agree_with_scikit_learn(
    name: str, score: Callable[..., float], two: list[np.ndarray]
) -> None:
    assert DEVIATIONS[name](*two) == pytest.approx(1 - score(*two), abs=1e-9)


def test_scores_agree_with_scikit_learn_on_many_points() -> None:
    generator = np.random.default_rng(3)
    before = generator.integers(0, 7, 5000)
    after = np.where(generator.random(5000) < 0.3, generator.integers(0, 9, 5000), before)
    for name, score in (
        ("one_minus_ari", sklearn.metrics.adjusted_rand_score),
        ("one_minus_nmi", sklearn.metrics.normalized_mutual_info_score),
        ("one_minus_ami", sklearn.metrics.adjusted_mutual_info_score),
    ):
        assert DEVIATIONS[name](before, after) == pytest.approx(1 - score(before, after), abs=1e-12)


@given(partitions())
def test_variation_of_information_is_both_conditional_entropies(two: list[np.ndarray]) -> None:
    def entropy(*labels: np.ndarray) -> float:
        share = np.unique(np.stack(labels), axis=1, return_counts=True)[1] / len(labels[0])
        return float(-(share * np.log(share)).sum())

    expected = 2 * entropy(*two) - entropy(two[0]) - entropy(two[1])
    assert vi(*two) == pytest.approx(expected, abs=1e-12)


@given(partitions(low=-1).filter(lambda two: max(len(set(one.tolist())) for one in two) <= 4))
def test_matching_error_is_the_best_of_all_assignments(two: list[np.ndarray]) -> None:
    before, after = two
    points = range(len(before))
    rows = [{p for p in points if co_association(before)[q, p]} for q in points]
    rows = [set(each) for each in {frozenset(row) for row in rows}]
    columns = [{p for p in points if co_association(after)[q, p]} for q in points]
    columns = [set(each) for each in {frozenset(column) for column in columns}]
    if min(len(rows), len(columns)) > 5 or max(len(rows), len(columns)) > 7:
        return
    small, large = sorted((rows, columns), key=len)
    kept = max(
        sum(len(a & b) for a, b in zip(small, chosen, strict=True))
        for chosen in itertools.permutations(large, len(small))
    )
    assert matching_error(before, after) == pytest.approx(1 - kept / len(before))


@pytest.mark.slow
@pytest.mark.parametrize("name", DEVIATIONS)
@given(two=partitions(low=-1), seed=st.integers(0, 100))
def test_well_defined(name: str, two: list[np.ndarray], seed: int) -> None:
    """Symmetric, blind to names of clusters, and 0 exactly where the partitions are the same."""
    deviation = DEVIATIONS[name]
    before, after = two
    value = deviation(before, after)
    assert isinstance(value, float)
    assert math.isfinite(value)
    assert value == pytest.approx(deviation(after, before), abs=1e-9)
    names = np.append(np.random.default_rng(seed).permutation(1000), -1)
    assert deviation(before, names[after]) == pytest.approx(value, abs=1e-9)
    assert deviation(names[before], names[after]) == pytest.approx(value, abs=1e-9)
    if brute_force(before, after) == 0:
        assert value == 0
    else:
        assert value > 1e-6


@pytest.mark.parametrize("name", METRICS)
@given(three=partitions(3, low=-1))
def test_triangle_inequality(name: str, three: list[np.ndarray]) -> None:
    deviation = DEVIATIONS[name]
    a, b, c = three
    assert deviation(a, c) <= deviation(a, b) + deviation(b, c) + 1e-12


@pytest.mark.parametrize(
    ("name", "three"),
    [
        ("one_minus_ari", ([0, 0, 1, 2], [0, 0, 1, 1], [0, 1, 2, 2])),
        ("one_minus_ami", ([0, 0, 1, 2], [0, 0, 1, 1], [0, 1, 2, 2])),
        ("one_minus_nmi", ([0, 0, 1, 1], [0, 1, 2, 3], [0, 1, 0, 1])),
    ],
)
def test_no_triangle_inequality_after_normalising(name: str, three: tuple[list[int], ...]) -> None:
    a, b, c = three
    deviation = DEVIATIONS[name]
    assert deviation(a, c) > deviation(a, b) + deviation(b, c) + 0.3


@given(partitions(3))
def test_the_square_of_delta_is_a_metric_too(three: list[np.ndarray]) -> None:
    """It is a Hamming distance: the number of entries of two co-association matrices apart."""
    a, b, c = three
    assert delta_squared(a, c) <= delta_squared(a, b) + delta_squared(b, c)


def test_different_numbers_of_clusters() -> None:
    one, all_apart = np.zeros(6, int), np.arange(6)
    assert delta_squared(one, all_apart) == 6 * 5
    assert one_minus_ri(one, all_apart) == 1
    assert matching_error(one, all_apart) == pytest.approx(5 / 6)
    assert vi(one, all_apart) == pytest.approx(math.log(6))


def test_noise_points_are_clusters_of_their_own() -> None:
    before, noise = [0, 0, 0, 1, 1], [-1, -1, 0, 1, 1]
    assert delta_squared(before, noise) == delta_squared(before, [2, 3, 0, 1, 1]) == 6
    for deviation in DEVIATIONS.values():
        assert deviation(noise, noise) == 0
        assert deviation(noise, [3, 4, 9, 0, 0]) == 0


def test_the_contingency_table_lists_the_cells_that_hold_points() -> None:
    table = contingency([0, 0, 1, 1, 1], [5, 5, 5, 2, 2])
    assert table.rows.tolist() == [2, 3]
    cells = {(int(r), int(table.columns[c])): int(k) for r, c, k in zip(*table[2:], strict=True)}
    assert cells == {(0, 3): 2, (1, 3): 1, (1, 2): 2}


@given(partitions())
def test_wild_labels_change_nothing(two: list[np.ndarray]) -> None:
    wild = [one * 10**9 + 7 for one in two]
    assert delta_squared(*wild) == delta_squared(*two)
    assert delta_squared(two[0].astype(np.uint8), two[1].astype(np.int32)) == delta_squared(*two)


def test_many_points_take_little_time_and_memory() -> None:
    n = 1_000_000
    before = np.arange(n) % 3
    after = before.copy()
    after[:300] = (after[:300] + 1) % 3
    # Cyclic: 100 points leave every cluster; 4 s m - 4/3 m^2 with s = n / 3.
    assert delta_squared(before[: n - 1], after[: n - 1]) == 4 * 333_333 * 300 - 4 * 300**2 // 3
    assert delta_squared(np.arange(n), np.full(n, -1)) == 0


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ([0, 1], [0, 1, 2], "the same points"),
        ([], [], "whole number for each"),
        ([0.0, 1.0], [0, 1], "whole number for each"),
        ([math.nan, 1.0], [0, 1], "whole number for each"),
        ([[0, 1]], [0, 1], "whole number for each"),
        ([0, -2], [0, 1], "from -1"),
    ],
)
def test_wrong_labels_are_refused(before: list[float], after: list[int], message: str) -> None:
    for deviation in DEVIATIONS.values():
        with pytest.raises(UserError, match=message):
            deviation(before, after)


@pytest.mark.parametrize("labels", [[0], [7], [-1]])
def test_one_point_has_one_partition(labels: list[int]) -> None:
    assert [deviation(labels, [0]) for deviation in DEVIATIONS.values()] == [0] * len(DEVIATIONS)


def test_no_torch_is_imported() -> None:
    code = "import sys, advlearn.deviations.partitions; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
