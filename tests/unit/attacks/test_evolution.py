"""CMA-ES on functions whose minimum is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advlearn.attacks.evolution import CmaEs
from advlearn.support.errors import UserError

Function = Callable[[np.ndarray], float]


def sphere(at: np.ndarray) -> float:
    return float(at @ at)


def ellipsoid(at: np.ndarray) -> float:
    return float((10 ** (6 * np.arange(at.size) / (at.size - 1))) @ np.square(at))


def rosenbrock(at: np.ndarray) -> float:
    return float((100 * (at[1:] - at[:-1] ** 2) ** 2 + (1 - at[:-1]) ** 2).sum())


def evaluations(function: Function, start: np.ndarray, seed: int, most: int) -> int:
    """Until the function is below 1e-8; ``most`` where it does not get there."""
    search, count = CmaEs(start, 0.5, np.random.default_rng(seed)), 0
    while count < most:
        points = search.ask()
        values = np.array([function(point) for point in points])
        count += len(points)
        if values.min() < 1e-8:
            return count
        search.tell(points, -values)
    return most


# Twice what the reference implementation of the tutorial's author needs in the median (version 4.5
# of the package cma, without its active update): 1,390, 5,540 and 5,930 evaluations.
@pytest.mark.parametrize(
    ("function", "start", "most"),
    [(sphere, 1.0, 2_800), (ellipsoid, 1.0, 11_000), (rosenbrock, 0.0, 12_000)],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_known_minima_are_found(function: Function, start: float, most: int, seed: int) -> None:
    assert evaluations(function, np.full(10, start), seed, most) < most


def test_the_covariance_learns_the_shape() -> None:
    search = CmaEs(np.ones(3), 0.5, np.random.default_rng(0))
    scales = np.array([1.0, 100.0, 10_000.0])
    for _ in range(120):
        points = search.ask()
        search.tell(points, -np.square(points) @ scales)
    inverse = 1 / np.diag(search.covariance)
    assert np.log10(inverse[1:] / inverse[0]) == pytest.approx([2, 4], abs=0.5)


@settings(max_examples=20, deadline=None)
@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.integers(0, 99))
def test_only_the_order_of_the_values_counts(shift: float, scale: float, seed: int) -> None:
    runs = [CmaEs(np.zeros(4), 1.0, np.random.default_rng(seed)) for _ in range(2)]
    for _ in range(5):
        points = [run.ask() for run in runs]
        assert np.array_equal(points[0], points[1])
        values = -np.round(points[0][:, 0], 2)
        for run, told in zip(runs, (values, scale * np.arctan(values) + shift), strict=True):
            order = np.argsort(np.argsort(-told, kind="stable"), kind="stable")
            run.tell(points[0], -order.astype(float))
    assert np.array_equal(runs[0].mean, runs[1].mean)


def test_a_plateau_leads_nowhere_and_breaks_nothing() -> None:
    search = CmaEs(np.zeros(6), 1.0, np.random.default_rng(1))
    for _ in range(50):
        search.tell(search.ask(), np.zeros(search.population))
    assert np.isfinite(search.mean).all()
    assert 0 < search.step < 1e6
    assert np.linalg.eigvalsh(search.covariance).min() > 0


def test_one_coordinate() -> None:
    assert evaluations(lambda at: float((at[0] - 3) ** 2), np.zeros(1), 0, 2000) < 2000


def test_what_is_no_search_is_refused() -> None:
    generator = np.random.default_rng(0)
    for start, step in ((np.zeros(0), 1.0), (np.array([np.nan]), 1.0), (np.zeros(2), 0.0)):
        with pytest.raises(UserError, match="finite start"):
            CmaEs(start, step, generator)
    search = CmaEs(np.zeros(2), 1.0, generator)
    points = search.ask()
    for values in (np.zeros(2), np.full(search.population, np.inf)):
        with pytest.raises(UserError, match="one finite value"):
            search.tell(points, values)
