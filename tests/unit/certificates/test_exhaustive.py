"""The exact radius on a line: certificates stay below it, and attacks reach it."""

from __future__ import annotations

import numpy as np
import pytest

from advlearn.attacks.clustering import build
from advlearn.attacks.clustering.bracket import smallest_change
from advlearn.budgets.points import PerPoint
from advlearn.certificates import exact_radius, radius
from advlearn.deviations.partitions import matching_error
from advlearn.learners.convex import Graph, gaussian_graph, solve
from advlearn.learners.partitioners import ConvexPartitioner
from advlearn.problem import BilevelProblem
from advlearn.support.errors import UserError
from tests.helpers.point_sets import line

SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_certificate_is_at_most_the_exact_radius(seed: int) -> None:
    points, labels, graph, gamma = line(seed)
    exact = exact_radius(points, labels, graph, gamma)
    assert exact.value > 0
    for method in ("sun_toh_yuan", "electrical", "exact_directions"):
        proved = radius(points, labels, graph, gamma, method=method)
        assert proved.value <= exact.value * (1 + 1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_smallest_attack_is_the_exact_radius(seed: int) -> None:
    points, labels, graph, gamma = line(seed)
    exact = exact_radius(points, labels, graph, gamma).value
    learner = ConvexPartitioner(graph, gamma, "fixed", 0.3)
    problem = BilevelProblem(points, PerPoint(9.0), matching_error, learner)
    sizes = [
        smallest_change(
            problem, build(name), 0.98 * exact, 9.0, rounds=30, tolerance=2e-3, seed=0
        ).changed
        for name in ("dual", "merge")
    ]
    best = min(size for size in sizes if size is not None)
    assert exact * (1 - 1e-6) <= best <= exact * 1.01


@pytest.mark.parametrize("seed", SEEDS)
def test_no_random_direction_changes_the_partition_just_below(seed: int) -> None:
    points, labels, graph, gamma = line(seed)
    size = 0.999 * exact_radius(points, labels, graph, gamma).value
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(50, *points.shape))
    for way in signs:
        assert (solve(points + size * way, graph, gamma, tol=1e-11).labels == labels).all()


def test_a_wrong_partition_has_no_radius() -> None:
    points, labels, graph, gamma = line(0)
    wrong = labels.copy()
    wrong[0] = labels.max() - labels[0]
    assert exact_radius(points, wrong, graph, gamma).value == 0
    assert exact_radius(points, np.zeros_like(labels), graph, gamma).value == 0
    apart = Graph(2, np.empty((0, 2)), np.empty(0))
    assert exact_radius(np.array([[0.0], [1.0]]), np.zeros(2, dtype=int), apart, 1.0).value == 0


def test_what_is_too_large_is_refused() -> None:
    points, labels, graph, gamma = line(0)
    with pytest.raises(UserError, match="on a line only"):
        exact_radius(np.hstack([points, points]), labels, graph, gamma)
    many = np.linspace(0, 1, 21)[:, None]
    with pytest.raises(UserError, match="up to 21 points"):
        exact_radius(many, np.zeros(21, dtype=int), gaussian_graph(many), 1.0)
