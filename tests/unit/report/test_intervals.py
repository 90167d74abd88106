from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from advlearn.report.intervals import (
    compare_with_published,
    inside_interval,
    over_seeds,
    wilson,
)
from tests.helpers.intervals import mean_interval, prediction_interval, wilson_interval


def test_agrees_with_the_intervals_one_group_at_a_time() -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"cell": np.repeat(["a", "b", "c"], [5, 3, 1]), "value": generator.uniform(size=9)}
    )
    result = over_seeds(frame, ["cell"]).set_index("cell")
    for cell, part in frame.groupby("cell"):
        mean, further = (f(list(part["value"])) for f in (mean_interval, prediction_interval))
        row = result.loc[cell]
        expected = [mean.mean, mean.low, mean.high, further.low, further.high, mean.n]
        assert list(row) == pytest.approx(expected, nan_ok=True)
    assert result["ci_low"].isna()["c"]


def test_missing_values_are_no_runs() -> None:
    frame = pd.DataFrame({"cell": ["a", "a", "b"], "value": [0.5, None, None]})
    result = over_seeds(frame, ["cell"])
    assert list(result["cell"]) == ["a"]
    assert list(result["n"]) == [1]


def test_inside_interval() -> None:
    verdict = inside_interval(
        pd.Series([0.5, 0.7, None, 0.5]),
        pd.Series([0.4, 0.4, 0.4, None]),
        pd.Series([0.6, 0.6, 0.6, None]),
    )
    assert verdict[0] == "yes"
    assert verdict[1] == "no"
    assert verdict[2:].isna().all()


def test_difference_is_reproduced_minus_published() -> None:
    frame = over_seeds(pd.DataFrame({"cell": ["a", "a"], "value": [0.4, 0.6]}), ["cell"])
    row = compare_with_published(frame.assign(published=0.3)).iloc[0]
    assert row["difference"] == pytest.approx(0.2)
    assert row["published_inside_ci"] == "yes"  # two seeds: the interval is wide


@given(st.lists(st.integers(0, 500), min_size=1, max_size=20), st.data())
def test_shares_are_those_of_scipy_and_of_the_textbook(
    trials: list[int], data: st.DataObject
) -> None:
    hits = [data.draw(st.integers(0, n)) for n in trials]
    found = wilson(hits, trials)
    for row, (k, n) in enumerate(zip(hits, trials, strict=True)):
        bounds = found.iloc[row]
        if n == 0:
            assert bounds.isna().all()
            continue
        peer = stats.binomtest(k, n).proportion_ci(method="wilson")
        assert list(bounds) == pytest.approx([k / n, peer.low, peer.high], rel=1e-9, abs=1e-12)
        textbook = wilson_interval(k, n)
        assert list(bounds[1:]) == pytest.approx([textbook.low, textbook.high], rel=1e-12)
