"""Numbers of seeds in words."""

from __future__ import annotations

import math

from advlearn.report.numbers import seed_count


def test_the_least_and_the_largest_number_of_seeds() -> None:
    assert seed_count([5, 5]).words == "5 seeds"
    assert seed_count([1.0]).words == "1 seed"
    assert seed_count([10, 3, math.nan, 0]).words == "3 to 10 seeds"
    assert seed_count([0, math.nan]).words == "0 seeds"
