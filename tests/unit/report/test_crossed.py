"""Means over crossed images and seeds: closed forms, draws one by one, coverage."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from advlearn.report.bounded import clopper_pearson, share_bounds
from advlearn.report.crossed import over_attacks, two_way_bootstrap
from advlearn.report.paired import paired_t
from advlearn.support.errors import UserError
from tests.helpers.intervals import mean_interval


def crossed(
    generator: np.random.Generator,
    images: int,
    seeds: int,
    of_image: float,
    of_seed: float,
    tasks: int = 1,
    missing: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values round 1, images and seeds of attacks with effects of both and noise of size 1."""
    shape = images, seeds, tasks
    values = (
        1.0
        + generator.normal(0, of_image, (images, 1, 1))
        + generator.normal(0, of_seed, (1, seeds, 1))
        + generator.normal(0, 1, shape)
    )
    there = generator.random(shape) >= missing
    which = np.indices(shape)
    return values[there], which[0][there], which[1][there]


@pytest.mark.slow
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_the_error_is_that_of_draws_made_one_by_one(missing: float) -> None:
    generator = np.random.default_rng(1)
    values, images, seeds = crossed(generator, 40, 4, 1.0, 0.5, tasks=2, missing=missing)
    m, s = 40, 4

    def drawn(of_images: bool, of_seeds: bool) -> float:
        means = []
        for _ in range(4000):
            image = generator.choice(m, m) if of_images else np.arange(m)
            seed = generator.choice(s, s) if of_seeds else np.arange(s)
            # An attack counts as often as its image times as often as its seed.
            weight = np.bincount(image, minlength=m)[images] * np.bincount(seed, minlength=s)[seeds]
            means.append((weight * values).sum() / weight.sum())
        return float(np.var(means))

    found = two_way_bootstrap(values, images, seeds)
    expected = drawn(True, True) + drawn(True, False) / (m - 1) + drawn(False, True) / (s - 1)
    assert found.error == pytest.approx(math.sqrt(expected), rel=0.04)
    assert found.mean == pytest.approx(values.mean())
    assert found[3:] == (m, s, len(values))
    parts = drawn(True, False) * m / (m - 1), drawn(False, True) * s / (s - 1)
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (m - 1) + parts[1] ** 2 / (s - 1))
    assert found.freedom == pytest.approx(freedom, rel=0.1)


def test_one_seed_gives_the_t_interval_of_the_images() -> None:
    values = np.random.default_rng(0).normal(size=12)
    for one, other in ((np.arange(12), np.zeros(12)), (np.zeros(12), np.arange(12))):
        found = two_way_bootstrap(values, one, other)
        expected = mean_interval(list(values))
        assert (found.mean, *found.bounds) == pytest.approx(
            (expected.mean, expected.low, expected.high)
        )
        assert found.effect.p == pytest.approx(paired_t(values).p)


def test_seeds_that_all_images_share_give_the_t_interval_of_the_seeds() -> None:
    of_seed = np.array([0.3, 0.7, -0.2, 1.1])
    values = np.tile(of_seed, 500)
    seeds, images = np.tile(np.arange(4), 500), np.repeat(np.arange(500), 4)
    found = two_way_bootstrap(values, images, seeds)
    expected = mean_interval(list(of_seed))
    assert found.bounds == pytest.approx((expected.low, expected.high), rel=1e-9)
    assert found.freedom == pytest.approx(3)


def test_attacks_on_one_image_count_once_as_an_image() -> None:
    generator = np.random.default_rng(5)
    hard = generator.normal(size=30)
    # Ten attacks on each image with the same outcome say as much as one.
    values, images = np.repeat(hard, 10), np.repeat(np.arange(30), 10)
    many = two_way_bootstrap(values, images, np.zeros(300))
    assert many.error == pytest.approx(two_way_bootstrap(hard, np.arange(30), np.zeros(30)).error)
    assert many.error > 3 * np.std(values) / math.sqrt(300)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("images", "seeds", "of_image", "of_seed", "missing"),
    [
        (100, 5, 0.0, 1.0, 0.0),
        (100, 5, 1.0, 0.0, 0.0),
        (100, 5, 1.0, 0.3, 0.0),
        (100, 5, 1.0, 0.3, 0.5),
        (100, 3, 1.0, 0.3, 0.0),
        (20, 5, 1.0, 0.3, 0.0),
    ],
)
def test_intervals_hold_the_truth(
    images: int, seeds: int, of_image: float, of_seed: float, missing: float
) -> None:
    generator = np.random.default_rng(3)
    runs, inside, normal = 1000, 0, 0
    for _ in range(runs):
        drawn = crossed(generator, images, seeds, of_image, of_seed, missing=missing)
        low, high = two_way_bootstrap(*drawn).bounds
        inside += low <= 1 <= high
        alone = stats.sem(drawn[0])
        normal += abs(drawn[0].mean() - 1) <= 1.96 * alone
    assert inside / runs >= 0.935
    # What took all attacks for independent would not.
    assert normal / runs < 0.9


@pytest.mark.slow
def test_shares_hold_the_truth_inside_their_range() -> None:
    generator = np.random.default_rng(7)
    truth, inside = 0.97, 0
    for _ in range(500):
        values, images, seeds = crossed(generator, 100, 5, 1.0, 0.3)
        limit = stats.norm.ppf(truth) * math.sqrt(1 + 0.09 + 1) - 1
        hits = (values - 2 < limit).astype(float)
        frame = pd.DataFrame({"v": hits, "image": images, "seed": seeds, "cell": 0})
        row = over_attacks(frame, ["cell"], "v", shares=True).iloc[0]
        assert 0 <= row["ci_low"] <= row["mean"] <= row["ci_high"] <= 1
        inside += row["ci_low"] <= truth <= row["ci_high"]
    assert inside / 500 >= 0.935


def test_outcomes_that_are_all_the_same_are_bounded_by_the_images() -> None:
    frame = pd.DataFrame(
        {"v": 0.0, "image": np.tile(np.arange(20), 3), "seed": np.repeat([0, 1, 2], 20), "cell": 0}
    )
    most = 1 - 0.025 ** (1 / 20)
    share = over_attacks(frame, ["cell"], "v", shares=True).iloc[0]
    assert (share["ci_low"], share["ci_high"]) == (0, pytest.approx(most))
    difference = over_attacks(frame, ["cell"], "v", differences=True).iloc[0]
    assert (difference["ci_low"], difference["ci_high"]) == pytest.approx((-most, most))
    plain = over_attacks(frame, ["cell"], "v").iloc[0]
    assert plain[["ci_low", "ci_high", "interval"]].isna().all()
    effect = two_way_bootstrap(frame["v"], frame["image"], frame["seed"]).effect
    assert (effect.p, effect.known) == (1.0, False)
    assert math.isnan(two_way_bootstrap([1.0, 1.0], [0, 1], [0, 1]).effect.p)


def test_every_attack_has_the_same_weight() -> None:
    frame = pd.DataFrame(
        {
            "cell": ["a"] * 5 + ["b"],
            "seed": [0, 0, 0, 1, 1, 0],
            "image": [7, 7, 8, 7, 9, 7],
            "v": [1.0, 2.0, 3.0, 4.0, np.nan, 5.0],
        }
    )
    found = over_attacks(frame, ["cell"], "v")
    assert found["mean"].tolist() == [2.5, 5.0]
    assert found["n"].tolist() == [4, 1]
    assert found["images"].tolist() == [2, 1]
    assert found["interval"].isna().tolist() == [False, True]
    assert found[["lowest_seed", "highest_seed"]].iloc[0].tolist() == [2.0, 4.0]
    assert over_attacks(frame.head(0), ["cell"], "v").empty


def test_the_bounds_of_a_share_follow_from_its_error() -> None:
    # A binomial error gives the exact interval of as many trials.
    error = math.sqrt(0.3 * 0.7 / 50)
    exact = clopper_pearson(15, 50)
    expected = [exact["ci_low"].item(), exact["ci_high"].item()]
    assert share_bounds(0.3, error, 1e9, 10**9) == pytest.approx(expected, rel=1e-6)
    # No repetition makes more of few images.
    few = clopper_pearson(3, 10)
    assert share_bounds(0.3, 1e-9, 9, 10) == pytest.approx(
        [few["ci_low"].item(), few["ci_high"].item()]
    )
    assert share_bounds(0.3, 0.2, 4, 100)[1] > share_bounds(0.3, 0.1, 4, 100)[1]
    for wrong in ((1.2, 0.1, 4, 10), (0.5, -0.1, 4, 10), (0.5, 0.1, 4, 0)):
        with pytest.raises(UserError, match="lies in"):
            share_bounds(*wrong)


@pytest.mark.parametrize(
    ("values", "images", "match"),
    [([], [], "one attack"), ([1.0, 2.0], [0], "one attack"), ([1.0, np.nan], [0, 1], "finite")],
)
def test_wrong_attacks_are_refused(values: list[float], images: list[int], match: str) -> None:
    with pytest.raises(UserError, match=match):
        two_way_bootstrap(values, images, [0] * len(values))
