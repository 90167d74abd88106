"""Fixed directions: their length, and which points they move."""

from __future__ import annotations

import numpy as np
import pytest

from advlearn.attacks.clustering.attacked_clustering import AttackedClustering
from advlearn.attacks.clustering.directions import change_directions, learner_free_directions
from advlearn.budgets.points import PerPoint
from advlearn.deviations.partitions import matching_error
from advlearn.learners.convex import Solution, knn_graph, solve
from advlearn.problem import BilevelProblem


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    """Two clouds of 8 and 12 points."""
    generator = np.random.default_rng(0)
    centres = np.repeat([[0.0, 0.0], [6.0, 0.0]], [8, 12], axis=0)
    return centres + generator.normal(0, 0.4, centres.shape)


def clustered(points: np.ndarray, n_clusters: int) -> tuple[AttackedClustering, Solution]:
    graph = knn_graph(points, 12, 0.5)
    for gamma in np.geomspace(0.01, 1e9, 80).tolist():
        found = solve(points, graph, gamma)
        if len(found.centroids) == n_clusters:
            return AttackedClustering(points, graph, gamma, 0.5), found
    raise AssertionError("the fixture needs a gamma with that many clusters")


def test_without_a_learner(points: np.ndarray) -> None:
    _, clean = clustered(points, 2)
    found = learner_free_directions(points, clean, np.random.default_rng(1))
    assert list(found) == ["noise", "merge", "split"]
    for direction in found.values():
        assert np.linalg.norm(direction, axis=1).max() == pytest.approx(1)
    assert (found["merge"][:8] @ [1, 0] > 0.9).all()
    assert (found["merge"][8:] @ [1, 0] < -0.9).all()
    assert (found["split"][:8] == 0).all()


def test_one_cluster_cannot_be_merged(points: np.ndarray) -> None:
    _, clean = clustered(points, 1)
    assert list(learner_free_directions(points, clean, np.random.default_rng(1))) == [
        "noise",
        "split",
    ]


def test_towards_a_change(points: np.ndarray) -> None:
    setting, _ = clustered(points, 2)
    problem = BilevelProblem(points, PerPoint(1.0), matching_error, setting.learner("fixed"))
    found = change_directions(problem, np.random.default_rng(1))
    assert set(found) <= {"noise", "merge", "split", "transfer"}
    for direction in found.values():
        assert PerPoint(1.0).size(direction) == pytest.approx(1)
    # Half of one cluster moves, and nothing of the other.
    moved = np.asarray(found["transfer"].any(axis=1))
    assert moved.sum() in (4, 6)
    assert moved[:8].any() != moved[8:].any()
