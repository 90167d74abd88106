from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special, stats

from advlearn.report.paired import paired_t
from advlearn.report.power import LOWEST_LEVEL, minimum_detectable_effect, power
from advlearn.support.errors import UserError


def power_by_integration(noncentrality: float, n: int, level: float) -> float:
    """P(|Z + noncentrality| > t sqrt(V / (n - 1))), integrated over the chi distributed root of V.

    Ranges beyond twelve deviations are left out.
    """
    root = math.sqrt(n - 1)
    quantile = special.stdtrit(n - 1, 1 - level / 2) / root

    def density(u: float) -> float:
        outside = special.ndtr(noncentrality - quantile * u)
        outside += special.ndtr(-noncentrality - quantile * u)
        return float(outside * stats.chi.pdf(u, n - 1))

    points = sorted({root, min(noncentrality / quantile, root + 12)})
    return float(integrate.quad(density, 0, root + 12, points=points, limit=300)[0])


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30, 200])
@pytest.mark.parametrize("level", [0.05, 0.05 / 12])
@pytest.mark.parametrize("noncentrality", [0.0, 0.3, 1.0, 3.0, 8.0, 40.0, 1000.0])
def test_power_is_the_integral_that_defines_it(n: int, level: float, noncentrality: float) -> None:
    found = power(noncentrality / math.sqrt(n), 1.0, n, level=level)
    assert found == pytest.approx(power_by_integration(noncentrality, n, level), abs=1e-8)


@pytest.mark.parametrize(("n", "level"), [(3, 0.05), (5, 0.05), (10, 0.05 / 12)])
def test_the_detectable_effect_is_detected_as_often_as_asked(n: int, level: float) -> None:
    spread, times = 0.02, 8000
    effect = minimum_detectable_effect(spread, n, level=level)
    samples = np.random.default_rng(n).normal(effect, spread, size=(times, n))
    share = np.mean([paired_t(each).p < level for each in samples])
    # Four standard errors of a share of 0.8.
    assert share == pytest.approx(0.8, abs=4 * math.sqrt(0.8 * 0.2 / times))


@given(
    st.floats(1e-4, 10),
    st.integers(2, 60),
    st.floats(0.3, 0.999),
    st.sampled_from([LOWEST_LEVEL, 0.01, 0.05, 0.2]),
)
def test_detectable_effect_and_power_are_inverse(
    spread: float, n: int, at: float, level: float
) -> None:
    effect = minimum_detectable_effect(spread, n, at=at, level=level)
    assert power(effect, spread, n, level=level) == pytest.approx(at, abs=1e-7)
    assert power(-effect, spread, n, level=level) == pytest.approx(at, abs=1e-7)
    assert minimum_detectable_effect(2 * spread, n, at=at, level=level) == pytest.approx(2 * effect)


def test_more_seeds_detect_less_and_the_normal_limit_is_reached() -> None:
    effects = [minimum_detectable_effect(1.0, n) for n in (2, 3, 5, 10, 20, 100, 10_000)]
    assert effects == sorted(effects, reverse=True)
    normal = (special.ndtri(0.975) + special.ndtri(0.8)) / 100
    assert effects[-1] == pytest.approx(normal, rel=1e-3)


def test_power_of_no_effect_is_the_level() -> None:
    assert power(0.0, 1.0, 5, level=0.03) == pytest.approx(0.03)
    assert power(1e6, 1.0, 3) == 1.0


def test_without_a_spread_nothing_is_known() -> None:
    assert math.isnan(minimum_detectable_effect(0.0, 5))
    assert math.isnan(minimum_detectable_effect(math.nan, 1))


@pytest.mark.parametrize(
    ("spread", "n"), [(-0.1, 5), (math.nan, 5), (math.inf, 5), (0.1, 0), (math.nan, 0)]
)
def test_what_is_no_comparison_is_refused(spread: float, n: int) -> None:
    with pytest.raises(UserError, match=f"spread {spread}, {n} seeds"):
        minimum_detectable_effect(spread, n)
    with pytest.raises(UserError, match=f"spread {spread}, {n} seeds"):
        power(0.1, spread, n)


def test_what_has_no_power_is_refused() -> None:
    for effect, spread, n in ((0.1, 0.1, 1), (0.1, 0.0, 5), (math.nan, 0.1, 5)):
        with pytest.raises(UserError, match="two seeds, a spread above 0 and a finite effect"):
            power(effect, spread, n)
    for at in (0.05, 1.0, math.nan):
        with pytest.raises(UserError, match="power lies between the level and 1"):
            minimum_detectable_effect(0.1, 5, at=at)
    for level in (0.0, 1.0, LOWEST_LEVEL / 2, math.nan):
        with pytest.raises(UserError, match="level lies between"):
            minimum_detectable_effect(0.1, 5, level=level)
        with pytest.raises(UserError, match="level lies between"):
            power(0.1, 0.1, 5, level=level)
