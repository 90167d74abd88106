from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from advlearn.report.bounded import clopper_pearson, mean_share_bounds, shares_over_seeds
from advlearn.support.errors import UserError


@given(st.lists(st.integers(0, 500), min_size=1, max_size=20), st.data())
def test_exact_bounds_are_those_of_scipy(trials: list[int], data: st.DataObject) -> None:
    hits = [data.draw(st.integers(0, n)) for n in trials]
    found = clopper_pearson(hits, trials)
    for row, (k, n) in enumerate(zip(hits, trials, strict=True)):
        bounds = found.iloc[row]
        if n == 0:
            assert bounds.isna().all()
            continue
        peer = stats.binomtest(k, n).proportion_ci(method="exact")
        assert list(bounds) == pytest.approx([k / n, peer.low, peer.high], rel=1e-9, abs=1e-12)


def test_none_and_all_have_the_closed_form() -> None:
    found = clopper_pearson([0, 50_000], 50_000)
    bound = 1 - 0.025 ** (1 / 50_000)
    assert list(found.iloc[0]) == [0.0, 0.0, pytest.approx(bound, rel=1e-9)]
    assert list(found.iloc[1]) == [1.0, pytest.approx(1 - bound, rel=1e-12), 1.0]
    assert bound == pytest.approx(3.69 / 50_000, rel=1e-3)


@pytest.mark.parametrize(("hits", "trials"), [(3, 2), (-1, 2), (math.nan, 2), (1, math.inf)])
def test_impossible_counts_are_named(hits: float, trials: float) -> None:
    with pytest.raises(UserError, match=f"entry 1 of 2.*successes {hits:g}, trials {trials:g}"):
        clopper_pearson([1, hits], [2, trials])


@given(st.data(), st.floats(0, 1), st.integers(2, 10), st.integers(1, 20_000))
def test_bounds_lie_in_the_unit_interval_around_the_mean(
    data: st.DataObject, part: float, seeds: int, images: int
) -> None:
    mean = data.draw(st.integers(0, seeds * images)) / (seeds * images)
    spread = part * math.sqrt(mean * (1 - mean) * seeds / (seeds - 1))
    # With the spread, without it, and of the wrong answers.
    found = mean_share_bounds([mean, mean, 1 - mean], [spread, 0.0, spread], seeds, images)
    low, high = found["ci_low"], found["ci_high"]
    assert 0 <= low[0] <= mean <= high[0] <= 1
    assert low[0] <= low[1] + 1e-12
    assert high[1] <= high[0] + 1e-12
    assert [1 - high[2], 1 - low[2]] == pytest.approx([low[0], high[0]], abs=1e-7)


def test_one_seed_and_seeds_that_agree_have_the_exact_interval_of_the_images() -> None:
    for mean in (0.0, 0.3, 1.0):
        exact = clopper_pearson(mean * 1000, 1000)
        one = mean_share_bounds(mean, math.nan, 1, 1000)
        agree = mean_share_bounds(mean, 0.0, 5, 1000)
        pd.testing.assert_frame_equal(one, exact)
        pd.testing.assert_frame_equal(agree, exact)


def test_the_number_of_images_is_that_of_the_source() -> None:
    # By hand: variance of the mean 0.0004 / 5, t(4) 2.7764 against t(999) 1.9623.
    p, images = 0.2, 1000
    of_seeds = (2.7764451 / 1.9623415) ** 2 * (0.0004 / 5) / (p * (1 - p))
    n = 1 / (of_seeds + 1 / images)
    found = mean_share_bounds(p, 0.02, 5, images).iloc[0]
    assert found["ci_low"] == pytest.approx(special.betaincinv(p * n, n - p * n + 1, 0.025))
    assert found["ci_high"] == pytest.approx(special.betaincinv(p * n + 1, n - p * n, 0.975))


@pytest.mark.parametrize("centre", [-4.0, -2.0, 0.0, 3.0])
def test_the_true_share_lies_inside_at_least_as_often_as_said(centre: float) -> None:
    """Networks and images of a logit mixed model: every network sees the same images."""
    generator = np.random.default_rng(7)
    seeds, images, times = 5, 150, 1500
    grid = generator.normal(size=200_000) * math.hypot(0.6, 1.2)
    truth = float(special.expit(centre + grid).mean())
    network = generator.normal(size=(times, seeds, 1)) * 0.6
    difficulty = generator.normal(size=(times, 1, images)) * 1.2
    right = generator.uniform(size=(times, seeds, images)) < special.expit(
        centre + network + difficulty
    )
    shares = right.mean(axis=2)
    found = mean_share_bounds(shares.mean(axis=1), shares.std(axis=1, ddof=1), seeds, images)
    inside = ((found["ci_low"] <= truth) & (truth <= found["ci_high"])).mean()
    assert inside >= 0.94


def test_groups_are_means_over_seeds() -> None:
    frame = pd.DataFrame(
        {
            "cell": ["a", "a", "b", "b", "c", "d"],
            "value": [0.2, 0.3, 0.0, 0.0, 1.0, None],
        }
    )
    found = shares_over_seeds(frame, ["cell"], 100).set_index("cell")
    assert list(found.index) == ["a", "b", "c"]
    assert list(found["n"]) == [2, 2, 1]
    one = mean_share_bounds(0.25, np.std([0.2, 0.3], ddof=1), 2, 100).iloc[0]
    assert list(found.loc["a"])[:3] == pytest.approx(list(one))
    assert list(found.loc["b"])[:3] == [0.0, 0.0, pytest.approx(1 - 0.025**0.01)]
    assert found.loc["c", "ci_high"] == 1.0


def test_a_missing_mean_has_missing_bounds() -> None:
    found = mean_share_bounds([math.nan, 0.5], [math.nan, 0.1], [2, 2], 10)
    assert found.iloc[0].isna().all()
    assert found.iloc[1].notna().all()


@pytest.mark.parametrize(
    ("mean", "spread", "seeds", "images", "said"),
    [
        (95.5, 0.1, 5, 100, "share lies in .*mean 95.5"),
        (-0.01, 0.1, 5, 100, "share lies in .*mean -0.01"),
        (0.5, math.nan, 5, 100, "cannot spread like this.*spread nan"),
        (0.5, -0.1, 5, 100, "cannot spread like this.*spread -0.1"),
        (0.5, 0.8, 5, 100, "cannot spread like this.*spread 0.8"),
        (0.0, 0.1, 5, 100, "cannot spread like this.*spread 0.1"),
        (0.5, 0.1, 0, 100, "one seed and one image.*seeds 0"),
        (0.5, 0.1, 5, 0, "one seed and one image.*images 0"),
        (0.5, 0.1, 5, math.inf, "one seed and one image.*images inf"),
    ],
)
def test_what_is_no_share_is_refused(
    mean: float, spread: float, seeds: float, images: float, said: str
) -> None:
    with pytest.raises(UserError, match=f"(?s){said}"):
        mean_share_bounds([mean], [spread], [seeds], [images])


def test_a_share_outside_is_refused_before_it_is_averaged() -> None:
    frame = pd.DataFrame({"cell": ["a", "a"], "value": [1.2, 0.5]})
    with pytest.raises(UserError, match=r"(?s)entry 0 of 2.*value 1.2"):
        shares_over_seeds(frame, ["cell"], 100)
