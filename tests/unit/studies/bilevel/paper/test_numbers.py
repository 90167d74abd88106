"""Means over seeds, orders of names, and numbers as readers see them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from advlearn.report.labels import Labels
from advlearn.report.numbers import format_significant, significant_interval
from advlearn.studies.bilevel.paper.by_metric import long_format, means
from advlearn.studies.bilevel.paper.labels import DATASETS


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (0.05555, "0.0556"),
        (1.0, "1.00"),
        (23.04, "23.0"),
        (15600.4, "15600"),
        (float("inf"), "∞"),
        (float("nan"), "–"),
        (-0.5, "−0.500"),
    ],
)
def test_significant_digits(value: float, expected: str) -> None:
    assert format_significant(value) == expected


def test_bounds_below_zero_are_shown_as_zero() -> None:
    assert significant_interval(2.0, -0.5, 4.5) == "2.00 [0, 4.50]"
    assert significant_interval(2.0, float("nan"), float("nan")) == "2.00"
    assert significant_interval(float("nan"), 0, 1) == "–"


def test_orders() -> None:
    assert DATASETS.order(["moons", "own", "iris", "moons"]) == ["iris", "moons", "own"]
    assert Labels({"x": "X"}).order(["b", "x", "a"]) == ["x", "a", "b"]


def test_means_without_any_value() -> None:
    frame = pd.DataFrame({"dataset": ["a", None], "seed": [0, 1], "delta": [np.nan, np.nan]})
    assert means(long_format(frame, ["dataset"], ["delta"]), ["dataset"]).empty
    filled = means(long_format(frame.assign(delta=[1.0, 2.0]), ["dataset"], ["delta"]), ["dataset"])
    assert list(filled["dataset"]) == ["", "a"]
