import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from advlearn.studies.selective.search.likelihood import (
    SEED_VARIANCES,
    effective_number,
    half_squares,
    heaviest,
    logit,
    weights,
)
from advlearn.studies.selective.search.questions import BASELINES, PROTOCOLS, column_of
from tests.helpers.searched import AT_THE_PUBLISHED, PUBLISHED, frame, rows, spread


def moved(by: float) -> dict[str, float]:
    """The published shares, each moved on the logit scale."""
    return {
        name: 1 / (1 + math.exp(-(math.log(share / (1 - share)) + by)))
        for name, share in AT_THE_PUBLISHED.items()
    }


def by_hand(table: pd.DataFrame, universe: int, protocol: str, discrepancy: float) -> float:
    """The log-likelihood as the protocol page has it, number by number."""
    variances: dict[str, list[float]] = {}
    for name in BASELINES:
        for _, mine in table.groupby("universe"):
            values = [half_an_image(share) for share in mine[column_of(name, protocol)]]
            variances.setdefault(name, []).append(float(np.var(values, ddof=1)))
    total = 0.0
    numbers = sorted(set(table["universe"]))
    for name in BASELINES:
        q = PUBLISHED[name]
        shares = table[table["universe"] == universe][column_of(name, protocol)].tolist()
        values = [half_an_image(share) for share in shares]
        own, median = variances[name][numbers.index(universe)], float(np.median(variances[name]))
        between = ((len(values) - 1) * own + 4 * median) / (len(values) - 1 + 4)
        variance = (
            1 / (10_000 * q * (1 - q))
            + 1 / (2000 * q * (1 - q))
            + (1e-4**2 / 12) / (q * (1 - q)) ** 2
            + between
            + between / len(values)
            + discrepancy**2
        )
        mean = sum(values) / len(values)
        total += stats.norm(mean, math.sqrt(variance)).logpdf(math.log(q / (1 - q)))
    return total


def half_an_image(share: float) -> float:
    share = {0.0: 0.5 / 2000, 1.0: 1 - 0.5 / 2000}.get(share, share)
    return math.log(share / (1 - share))


@pytest.mark.parametrize("discrepancy", [0.05, 0.1, 0.5])
def test_as_by_hand(discrepancy: float) -> None:
    generator = np.random.default_rng(0)
    parts = [spread(i, moved(0.1 * i), 0.1 + 0.05 * i, generator) for i in range(4)]
    # None of 2,000 images right under FGSM, and all of them right without attack.
    parts.append(rows(7, {**moved(0.0), "classic_fgsm": 0.0, "classic_clean": 1.0}))
    table = frame(*parts)
    found = weights(table, PUBLISHED, discrepancy).set_index(["universe", "protocol"])
    expected = {
        (universe, protocol): by_hand(table, universe, protocol, discrepancy)
        for universe in (0, 1, 2, 3, 7)
        for protocol in PROTOCOLS
    }
    for pair, value in expected.items():
        assert found.loc[pair, "log_likelihood"] == pytest.approx(value, rel=1e-9)
    total = sum(math.exp(value) for value in expected.values())
    for pair, value in expected.items():
        assert found.loc[pair, "weight"] == pytest.approx(math.exp(value) / total, rel=1e-9)


def test_weights_sum_to_one_and_keep_their_ratios_beside_others() -> None:
    parts = [rows(i, moved(0.2 * i)) for i in range(5)]
    few, many = weights(frame(*parts[:2]), PUBLISHED), weights(frame(*parts), PUBLISHED)
    assert many["weight"].sum() == pytest.approx(1)
    ratio = many.set_index(["universe", "protocol"])["weight"]
    ratio = ratio / few.set_index(["universe", "protocol"])["weight"]
    assert ratio.dropna().nunique() == 1 or np.ptp(ratio.dropna()) < 1e-9


def test_a_larger_discrepancy_makes_weights_more_equal() -> None:
    table = frame(*(rows(i, moved(0.15 * i)) for i in range(6)))
    numbers = [
        effective_number(weights(table, PUBLISHED, each)) for each in (0.05, 0.1, 0.25, 0.5, 5)
    ]
    assert numbers == sorted(numbers)
    assert numbers[0] < numbers[-1] - 2
    assert numbers[-1] == pytest.approx(12, rel=0.01)


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_what_was_not_measured_to_the_end_has_no_weight(status: str) -> None:
    left = rows(1, seeds=(0, 1, 2, 3)) + rows(1, {"classic_clean": 0.97}, seeds=(4,), status=status)
    found = weights(frame(rows(0, moved(0.4)), left), PUBLISHED)
    gone = found[found["universe"] == 1]
    assert gone["weight"].tolist() == [0, 0]
    assert gone["log_likelihood"].tolist() == [-np.inf, -np.inf]
    assert found["weight"].sum() == pytest.approx(1)
    nothing = weights(frame(left), PUBLISHED)
    assert (nothing["weight"] == 0).all()
    assert heaviest(nothing).empty
    assert effective_number(nothing) == 0


def test_the_second_stage_alone_counts_where_there_is_one() -> None:
    first = rows(0, stage="first", seeds=(0,)) + rows(1, stage="first", seeds=(0,))
    both = weights(frame(first, rows(1, moved(1.0))), PUBLISHED)
    assert set(both["universe"]) == {1}
    alone = weights(frame(first), PUBLISHED)
    assert set(alone["universe"]) == {0, 1}
    # One seed has no spread of its own.
    expected = sum(
        stats.norm.logpdf(0, 0, math.sqrt(variance_of_one_seed(name))) for name in BASELINES
    )
    assert alone["log_likelihood"].iloc[0] == pytest.approx(expected, abs=1e-3)


def variance_of_one_seed(name: str) -> float:
    q = PUBLISHED[name]
    spread = q * (1 - q)
    images = spread * (1 / 10_000 + 1 / 2000) + 1e-8 / 12
    return images / spread**2 + 2 * SEED_VARIANCES[name] + 0.1**2


def test_a_universe_without_a_right_image_is_improbable() -> None:
    """The noise of its own share would be without bound, and would make it possible."""
    none = {**moved(0.0), "classic_fgsm": 0.0}
    found = weights(frame(rows(0), rows(1, none)), PUBLISHED).groupby("universe")["weight"].sum()
    assert found[1] < 1e-6
    images = 2000
    means = {"classic_fgsm": float(logit(np.asarray(0.0), images))}
    assert half_squares(means, PUBLISHED, images) > 12


def test_the_authors_universe_is_found() -> None:
    """Weights are probabilities: the true universe has on average the weight that they promise."""
    generator = np.random.default_rng(1)
    deviation, discrepancy, n = 0.15, 0.1, 24
    true, promised, inside = [], [], []
    for _ in range(60):
        means = [moved(0.0)]
        means += [
            {
                name: 1 / (1 + math.exp(-(half_an_image(share) + generator.normal(0, 0.5))))
                for name, share in moved(0.0).items()
            }
            for _ in range(n - 1)
        ]
        table = frame(*(spread(i, each, deviation, generator) for i, each in enumerate(means)))
        author = int(generator.integers(n))
        seen = {}
        for name in BASELINES:
            share = means[author][column_of(name, "transfer")]
            value = half_an_image(share) + generator.normal(0, math.hypot(deviation, discrepancy))
            seen[name] = round(generator.binomial(10_000, 1 / (1 + math.exp(-value))) / 10_000, 4)
        found = weights(table, seen, discrepancy)
        found = found.assign(mine=(found["universe"] == author) & (found["protocol"] == "transfer"))
        true.append(found.loc[found["mine"], "weight"].sum())
        promised.append((found["weight"] ** 2).sum())
        inside.append(bool(heaviest(found)["mine"].any()))
    assert np.mean(true) > 0.5
    assert np.mean(true) == pytest.approx(np.mean(promised), abs=0.08)
    assert np.mean(inside) >= 0.85


def test_the_heaviest_hold_their_share_and_no_fewer_would() -> None:
    found = pd.DataFrame(
        {"universe": range(4), "protocol": "transfer", "weight": [0.05, 0.6, 0.3, 0.05]}
    )
    assert heaviest(found)["universe"].tolist() == [1, 2]
    assert heaviest(found, 0.91)["universe"].tolist() == [1, 2, 0]
    assert effective_number(found) == pytest.approx(1 / (2 * 0.05**2 + 0.36 + 0.09))
