from __future__ import annotations

import pytest

from advlearn.report.panels import limits, log_span


def test_limits() -> None:
    low, high = limits([0.9695, 0.9705])
    assert high - low >= 0.02  # noise is not blown up
    assert limits([0.0, 1.0]) == pytest.approx((-0.03, 1.03))
    low, high = limits([0.0])
    assert -0.01 < low < 0  # no room for accuracies below zero
    assert high >= 0.02
    low, high = limits([1.0])
    assert 1 < high < 1.01
    assert limits([float("nan")]) == (0.0, 1.0)
    low, high = limits([0.2, 0.3])
    assert low < 0.2
    assert high > 0.3


def test_logarithmic_limits() -> None:
    low, high = log_span([1.0, 1.1])
    assert high / low == pytest.approx(5)
    assert low < 1.0 < 1.1 < high
    low, high = log_span([0.1, 10, 0, float("nan")])
    assert (low, high) == pytest.approx((0.1 / 1.15, 11.5))
    assert log_span([])[0] > 0
