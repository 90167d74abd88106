from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit, logit

from advlearn.report.predictive import (
    ROUNDING,
    Predictive,
    constant_score,
    further_runs,
    logit_of,
    predictive,
)
from advlearn.support.errors import UserError

IMAGES = 10_000
SHARES = st.lists(st.integers(0, IMAGES).map(lambda k: k / IMAGES), min_size=2, max_size=8)


def by_hand(shares: list[float]) -> stats.rv_continuous:
    """The distribution of the logit of one further run."""
    logits = np.log((np.array(shares) * IMAGES + 0.5) / (IMAGES - np.array(shares) * IMAGES + 0.5))
    n, p = len(shares), 1 / (1 + math.exp(-logits.mean()))
    variance = logits.var(ddof=1) * (1 + 1 / n) + 1 / (IMAGES * p * (1 - p))
    return stats.t(n - 1, logits.mean(), math.sqrt(variance))


def found(runs: list[list[float]], weights: list[float]) -> Predictive:
    made = predictive(runs, weights, IMAGES)
    assert made is not None
    return made


@given(SHARES)
def test_one_setting_is_students_t_on_the_logit_scale(shares: list[float]) -> None:
    low, high = found([shares], [3.0]).interval()
    expected = expit(by_hand(shares).ppf([0.025, 0.975]))
    assert [low, high] == pytest.approx(list(expected), rel=1e-9, abs=1e-12)
    assert 0 <= low <= high <= 1


@settings(max_examples=40)
@given(st.lists(SHARES, min_size=2, max_size=4), st.data())
def test_a_mixture_has_the_probabilities_of_its_parts(
    runs: list[list[float]], data: st.DataObject
) -> None:
    weights = [data.draw(st.floats(0.1, 10)) for _ in runs]
    mixture = found(runs, weights)
    for at in (0.025, 0.5, 0.975):
        share = mixture.quantile(at)
        if not 1e-6 < share < 1 - 1e-6:
            continue  # beyond it the logit of a double has few digits
        parts = [by_hand(run).cdf(logit(share)) for run in runs]
        assert np.average(parts, weights=weights) == pytest.approx(at, abs=1e-6)
        assert mixture.below(share) == pytest.approx(at, abs=1e-6)


def test_universes_that_disagree_make_the_interval_wide() -> None:
    one, other = [0.10, 0.11, 0.12], [0.80, 0.81, 0.82]
    low, high = found([one, other], [1, 1]).interval()
    assert low < 0.11
    assert high > 0.80
    # With hardly any weight the other setting is outside.
    assert found([one, other], [1, 1e-3]).interval()[1] < 0.5


def test_it_covers_further_runs() -> None:
    """Runs of which the distribution is known: 95 of 100 further ones are inside."""
    generator = np.random.default_rng(0)
    draws = generator.normal(-1.0, 0.4, (2000, 6))
    hits = generator.binomial(IMAGES, expit(draws)) / IMAGES
    inside = []
    for *runs, further in hits:
        low, high = found([list(runs)], [1]).interval()
        inside.append(low <= further <= high)
    # Five standard deviations of a binomial of 2000 draws.
    assert abs(np.mean(inside) - 0.95) < 5 * math.sqrt(0.95 * 0.05 / 2000)


def test_seeds_that_agree_still_have_the_noise_of_the_images() -> None:
    low, high = found([[0.3, 0.3, 0.3]], [1]).interval()
    assert low < 0.3 < high
    nothing = found([[0.0] * 5], [1]).interval()
    assert 0 < nothing[1] < 0.01


def test_one_seed_predicts_nothing() -> None:
    assert predictive([[0.2, 0.3], [0.4]], [1, 1], IMAGES) is None


def test_the_score_is_the_probability_of_what_is_printed() -> None:
    runs = [0.30, 0.32, 0.35, 0.31]
    own = by_hand(runs)
    mass = own.cdf(logit(0.3255)) - own.cdf(logit(0.3245))
    assert found([runs], [1]).score(0.325) == pytest.approx(math.log(mass), rel=1e-9)
    # What is printed at the end of the range has all that lies beyond it.
    assert found([runs], [1]).score(1.0) < -5
    assert found([[0.9999, 1.0, 1.0]], [1]).score(1.0) > -1


@given(st.lists(st.integers(10, 990).map(lambda k: k / 1000), min_size=2, max_size=9), st.data())
def test_the_constant_predictor_is_normal_on_the_logit_scale(
    others: list[float], data: st.DataObject
) -> None:
    share = data.draw(st.sampled_from([0.2, 0.5, 0.77]))
    score = constant_score(share, others)
    logits = logit(np.array(others))
    if np.ptp(logits) == 0:
        assert math.isnan(score)
        return
    normal = stats.norm(logits.mean(), logits.std(ddof=1))
    mass = normal.cdf(logit(share + ROUNDING)) - normal.cdf(logit(share - ROUNDING))
    assert score == pytest.approx(math.log(max(mass, 1e-300)), rel=1e-5)


def test_groups_have_their_own_intervals() -> None:
    frame = pd.DataFrame(
        {"cell": list("aaabbc"), "value": [0.1, 0.2, 0.3, 0.6, np.nan, 0.7], "seed": range(6)}
    )
    table = further_runs(frame, ["cell"], IMAGES).set_index("cell")
    expected = found([[0.1, 0.2, 0.3]], [1]).interval()
    assert tuple(table.loc["a"]) == pytest.approx(expected)
    assert table.loc[["b", "c"]].isna().all(axis=None)


def test_logits_are_finite_at_the_ends() -> None:
    low, high = logit_of([0.0, 1.0], IMAGES)
    assert [low, high] == pytest.approx([-math.log(2 * IMAGES + 1), math.log(2 * IMAGES + 1)])


@pytest.mark.parametrize(
    ("runs", "weights", "images"),
    [
        ([[0.1, 1.2]], [1], 10),
        ([[0.1, 0.2]], [0], 10),
        ([[0.1, 0.2]], [1, 1], 10),
        ([], [], 10),
        ([[0.1, math.nan]], [1], 10),
        ([[0.1, 0.2]], [1], 0),
    ],
)
def test_what_is_no_prediction(runs: list[list[float]], weights: list[float], images: int) -> None:
    with pytest.raises(UserError):
        predictive(runs, weights, images)
