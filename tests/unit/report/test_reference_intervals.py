from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from advlearn.support.errors import UserError
from tests.helpers.intervals import (
    mean_interval,
    paired_difference,
    prediction_interval,
    t_quantile,
    wilson_interval,
)

runs = st.lists(st.floats(0, 1), min_size=2, max_size=12)
confidences = st.sampled_from([0.5, 0.9, 0.95, 0.99])


def test_mean_interval_by_hand() -> None:
    # mean 2, s = 1, t(2 degrees, 97.5 %) = 4.302653: half width 4.302653 / sqrt(3) = 2.484138
    interval = mean_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2.0
    assert interval.low == pytest.approx(2 - 2.484138, abs=1e-6)
    assert interval.high == pytest.approx(2 + 2.484138, abs=1e-6)
    assert interval.n == 3


def test_prediction_interval_by_hand() -> None:
    # half width 4.302653 * sqrt(1 + 1/3) = 4.968275
    interval = prediction_interval([1.0, 2.0, 3.0])
    assert interval.high - interval.mean == pytest.approx(4.968275, abs=1e-6)


@given(runs, confidences)
def test_mean_interval_agrees_with_scipy(values: list[float], confidence: float) -> None:
    interval = mean_interval(values, confidence)
    error = stats.sem(values)
    if error > 1e-12:
        low, high = stats.t.interval(confidence, len(values) - 1, np.mean(values), error)
        assert interval.low == pytest.approx(low, abs=1e-9)
        assert interval.high == pytest.approx(high, abs=1e-9)
    assert interval.contains(interval.mean)


@given(runs)
def test_prediction_interval_holds_the_mean_interval(values: list[float]) -> None:
    mean, further = mean_interval(values), prediction_interval(values)
    assert further.low <= mean.low <= mean.high <= further.high


def test_coverage_by_brute_force() -> None:
    generator = np.random.default_rng(0)
    inside_mean = inside_next = 0
    for sample in generator.normal(0.3, 0.05, size=(4000, 6)):
        inside_mean += mean_interval(sample[:5]).contains(0.3)
        inside_next += prediction_interval(sample[:5]).contains(sample[5])
    assert inside_mean / 4000 == pytest.approx(0.95, abs=0.012)
    assert inside_next / 4000 == pytest.approx(0.95, abs=0.012)


def test_one_value_has_no_bounds() -> None:
    for interval in (mean_interval([0.4]), prediction_interval([0.4])):
        assert interval.mean == 0.4
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)
        assert not interval.known
        assert not interval.contains(0.4)


def test_equal_values_give_a_point() -> None:
    interval = mean_interval([0.5, 0.5, 0.5])
    assert (interval.low, interval.high) == (0.5, 0.5)
    assert interval.contains(0.5)
    assert not interval.contains(0.51)


@given(runs, st.integers(0, 1000))
def test_paired_difference_agrees_with_the_paired_t_test(first: list[float], seed: int) -> None:
    second = list(np.random.default_rng(seed).uniform(size=len(first)))
    interval = paired_difference(first, second)
    expected = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert interval.low == pytest.approx(expected.low, abs=1e-8)
    assert interval.high == pytest.approx(expected.high, abs=1e-8)


@given(st.integers(1, 200), st.data(), confidences)
def test_wilson_agrees_with_scipy(trials: int, data: st.DataObject, confidence: float) -> None:
    successes = data.draw(st.integers(0, trials))
    interval = wilson_interval(successes, trials, confidence)
    expected = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert interval.low == pytest.approx(expected.low, abs=1e-12)
    assert interval.high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= interval.low <= interval.mean <= interval.high <= 1


def test_t_quantile_agrees_with_scipy() -> None:
    for freedom in (1, 2, 4, 30):
        assert t_quantile(0.95, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-12)


@pytest.mark.parametrize("values", [[], [math.nan], [0.1, math.inf]])
def test_values_that_give_no_interval(values: list[float]) -> None:
    with pytest.raises(UserError, match="at least one value") as caught:
        mean_interval(values)
    assert "did not run" in caught.value.remedy


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_confidence_out_of_range(confidence: float) -> None:
    with pytest.raises(UserError, match="between 0 and 1"):
        mean_interval([0.1, 0.2], confidence)
    with pytest.raises(UserError, match="between 0 and 1"):
        wilson_interval(1, 2, confidence)


def test_unpaired_values() -> None:
    with pytest.raises(UserError, match="pairs"):
        paired_difference([0.1, 0.2], [0.1])


@pytest.mark.parametrize(("successes", "trials"), [(-1, 5), (6, 5), (0, 0)])
def test_impossible_counts(successes: int, trials: int) -> None:
    with pytest.raises(UserError, match="between 0 and the number of trials"):
        wilson_interval(successes, trials)
