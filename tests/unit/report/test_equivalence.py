from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from advlearn.report.equivalence import two_one_sided
from advlearn.report.paired import paired_t
from advlearn.support.errors import UserError

DIFFERENCES = st.lists(st.floats(-0.2, 0.2), min_size=2, max_size=12).filter(
    lambda given: np.ptp(given) > 1e-6
)


@given(DIFFERENCES, st.floats(0.001, 0.2))
def test_the_two_tests_are_one_sided_t_tests_of_scipy(
    differences: list[float], smallest: float
) -> None:
    found = two_one_sided(paired_t(differences), smallest)
    gain = stats.ttest_1samp(differences, smallest, alternative="less")
    loss = stats.ttest_1samp(differences, -smallest, alternative="greater")
    assert found.p_no_gain == pytest.approx(gain.pvalue, rel=1e-8, abs=1e-300)
    assert found.p_no_loss == pytest.approx(loss.pvalue, rel=1e-8, abs=1e-300)
    assert found.p == max(found.p_no_gain, found.p_no_loss)


@given(DIFFERENCES, st.floats(0.001, 0.2), st.sampled_from([0.01, 0.05, 0.2]))
def test_equivalent_means_that_the_interval_lies_inside(
    differences: list[float], smallest: float, level: float
) -> None:
    effect = paired_t(differences, level=2 * level)
    found = two_one_sided(effect, smallest, level=level)
    assert (found.low, found.high) == pytest.approx((effect.low, effect.high))
    if not np.isclose(max(found.high, -found.low), smallest, rtol=1e-9):
        assert (found.p < level) == (-smallest < found.low and found.high < smallest)
        assert (found.p_no_gain < level) == (found.high < smallest)


def test_turning_the_comparison_round_turns_the_tests_round() -> None:
    differences = np.array([0.01, 0.03, -0.02, 0.005])
    one = two_one_sided(paired_t(differences), 0.05)
    other = two_one_sided(paired_t(-differences), 0.05)
    assert one.p_no_gain == pytest.approx(other.p_no_loss)
    assert one.high == pytest.approx(-other.low)


def test_an_effect_at_the_border_is_called_equivalent_as_rarely_as_the_level_says() -> None:
    samples = np.random.default_rng(1).normal(loc=0.056, scale=0.02, size=(4000, 8))
    found = np.mean([two_one_sided(paired_t(each), 0.056).p < 0.05 for each in samples])
    assert 0.04 < found < 0.06


@pytest.mark.parametrize("differences", [[0.01], [0.0, 0.0, 0.0], [0.01, 0.01]])
def test_without_an_interval_nothing_is_excluded(differences: list[float]) -> None:
    found = two_one_sided(paired_t(differences), 0.056)
    assert np.isnan(found).all()
    assert math.isnan(found.p)


@pytest.mark.parametrize("smallest", [0.0, -0.056, math.nan, math.inf])
def test_a_smallest_effect_is_above_zero(smallest: float) -> None:
    with pytest.raises(UserError, match=f"number above 0\n.*{smallest}"):
        two_one_sided(paired_t([0.1, 0.2]), smallest)


@pytest.mark.parametrize("level", [0.0, 0.5, math.nan])
def test_twice_the_level_is_below_one(level: float) -> None:
    with pytest.raises(UserError, match="twice the level"):
        two_one_sided(paired_t([0.1, 0.2]), 0.05, level=level)
