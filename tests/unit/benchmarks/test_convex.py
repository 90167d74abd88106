"""The benchmark of convex clustering at a small size: both sides solve the same problem."""

from __future__ import annotations

import pytest

from benchmarks import convex


def test_peer_and_ours_reach_the_same_objective() -> None:
    found = convex.compare("plane", convex.plane(80), 2.0, rounds=1)
    assert found["peer_excess"] == pytest.approx(0, abs=1e-6)
    assert found["gap"] <= convex.GAP
    assert found["ratio"] == pytest.approx(found["peer_s"] / found["ours_s"])
    assert 1 < found["clusters"] < 80
