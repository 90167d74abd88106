from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from advlearn.report.paired import MOST_SEEDS, paired_t, sign_flip
from advlearn.support.errors import UserError
from tests.helpers.intervals import paired_difference

WHOLE = st.lists(st.integers(-60, 60), min_size=1, max_size=9)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12))
def test_the_t_test_is_that_of_scipy_and_its_interval_that_of_the_textbook(
    pairs: list[tuple[float, float]],
) -> None:
    first, second = np.array(pairs).T
    differences = first - second
    if np.ptp(differences) < 1e-6:
        return
    found = paired_t(differences, level=0.1)
    peer = stats.ttest_rel(first, second)
    assert found.p == pytest.approx(peer.pvalue, rel=1e-9, abs=1e-300)
    bounds = peer.confidence_interval(0.9)
    assert [found.low, found.high] == pytest.approx(list(bounds), rel=1e-9, abs=1e-12)
    textbook = paired_difference(list(first), list(second), 0.9)
    assert found.mean == pytest.approx(textbook.mean, abs=1e-15)
    assert found.n == textbook.n
    assert found.spread == pytest.approx(np.std(differences, ddof=1))
    assert found.known


def test_one_seed_has_a_mean_only() -> None:
    found = paired_t([0.25])
    assert (found.mean, found.n) == (0.25, 1)
    assert np.isnan([found.spread, found.low, found.high, found.p]).all()
    assert not found.known


def test_differences_that_are_one_number_have_no_interval() -> None:
    same = paired_t([0.0, 0.0, 0.0])
    assert (same.mean, same.spread, same.p) == (0.0, 0.0, 1.0)
    # The same number of images, though not the same float.
    differences = [0.955 - 0.951, 0.9544 - 0.9504, 0.104 - 0.1]
    assert len(set(differences)) > 1
    shifted = paired_t(differences)
    assert shifted.mean == pytest.approx(0.004)
    assert shifted.spread == 0
    assert math.isnan(shifted.p)
    assert not same.known
    assert not shifted.known


@given(WHOLE)
def test_sign_flips_are_counted_one_by_one(whole: list[int]) -> None:
    seen = abs(sum(whole))
    flips = list(product((1, -1), repeat=len(whole)))
    sums = [abs(sum(a * b for a, b in zip(signs, whole, strict=True))) for signs in flips]
    expected = sum(each >= seen for each in sums) / len(flips)
    assert sign_flip(whole) == expected
    # In shares the same sums are rounded, and ties have to stay ties.
    assert sign_flip([each / 10_000 for each in whole]) == expected
    assert sign_flip([-each / 7 for each in whole]) == expected


def test_sign_flip_is_the_permutation_test_of_scipy() -> None:
    generator = np.random.default_rng(3)
    first, second = generator.uniform(size=(2, 8))
    peer = stats.permutation_test(
        (first, second),
        lambda a, b: np.mean(a - b),
        permutation_type="samples",
        n_resamples=np.inf,
    )
    assert sign_flip(first - second) == peer.pvalue


@pytest.mark.parametrize("n", [1, 2, 5, 10, MOST_SEEDS])
def test_the_smallest_p_is_that_of_equal_signs(n: int) -> None:
    assert sign_flip(np.linspace(0.1, 0.2, n)) == 2 / 2**n
    assert sign_flip(np.zeros(n)) == 1.0


def test_both_tests_keep_their_level() -> None:
    generator = np.random.default_rng(0)
    samples = generator.normal(scale=0.02, size=(4000, 7))
    for p in (lambda each: paired_t(each).p, sign_flip):
        share = np.mean([p(each) < 0.05 for each in samples])
        assert 0.03 < share < 0.06


@pytest.mark.parametrize("test", [paired_t, sign_flip])
@pytest.mark.parametrize(
    ("differences", "said"),
    [
        ([], r"one difference a seed.*\n.*shape \(0,\)"),
        ([[0.1, 0.2]], r"shape \(1, 2\)"),
        ([0.1, math.nan], r"difference 1 of 2, counted from 0: nan"),
        ([math.inf, 0.1], r"difference 0 of 2, counted from 0: inf"),
    ],
)
def test_what_is_no_comparison_is_refused(test: object, differences: object, said: str) -> None:
    assert callable(test)
    with pytest.raises(UserError, match=said):
        test(differences)


def test_too_many_seeds_and_no_level() -> None:
    with pytest.raises(UserError, match=r"few seeds\n.*21 differences; 20 at most"):
        sign_flip(np.ones(MOST_SEEDS + 1))
    for level in (0.0, 1.0, math.nan):
        with pytest.raises(UserError, match="level lies between 0 and 1"):
            paired_t([0.1, 0.2], level=level)
