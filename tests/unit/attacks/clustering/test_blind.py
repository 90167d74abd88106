"""The attacks that search by labels alone: genetic and CMA-ES."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from advlearn.attacks.clustering import build
from advlearn.attacks.clustering.attacked_clustering import AttackedClustering
from advlearn.attacks.clustering.cma_es import piece_moves
from advlearn.budgets.points import LInf, PerPoint
from advlearn.deviations.partitions import delta, matching_error
from advlearn.learners.convex import knn_graph
from advlearn.learners.partitioners import matched_partitioner
from advlearn.problem import BilevelProblem
from advlearn.support.errors import UserError
from tests.helpers.point_sets import blobs


def ward(points: np.ndarray, tau: float = 1.0) -> BilevelProblem[np.ndarray]:
    learner = matched_partitioner("ward", points, 2)
    return BilevelProblem(points, LInf(tau), delta, learner)


def tried(
    problem: BilevelProblem[np.ndarray],
    settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> list[np.ndarray]:
    """The perturbations that the genetic attack asks about, in their order."""
    asked: list[np.ndarray] = []
    effect = problem.effect

    def watched(perturbation: np.ndarray) -> float:
        asked.append(perturbation)
        return effect(perturbation)

    with monkeypatch.context() as patch:
        patch.setattr(problem, "effect", watched)
        list(build("genetic", **settings).candidates(problem, 0.5, np.random.default_rng(0)))
    return asked


def test_each_cluster_has_its_turn_as_the_victim(
    two: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = ward(two)
    moved = tried(problem, {"generations": 6}, monkeypatch)
    seen = [int(problem.before[np.flatnonzero(each.any(axis=1))[0]]) for each in moved]
    assert seen in ([0, 1] * 3, [1, 0] * 3)


def test_the_first_children_move_by_the_whole_radius(
    two: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tried(ward(two), {"generations": 4}, monkeypatch)
    for first in moved[:2]:
        assert set(np.abs(first[first.any(axis=1)]).ravel()) == {0.5}
    for later in moved[2:]:
        assert len(np.unique(np.abs(later))) > 3


def test_zeroed_entries_are_the_share_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = ward(blobs((60, 60), 40, 6.0, 0.5, seed=3))
    shares = {}
    for zeroing in (0.0, 0.001, 0.3):
        settings = {"generations": 12, "zeroing": zeroing, "crossover": 0.0, "mutation": 0.0}
        moved = tried(problem, settings, monkeypatch)
        # The third child of a population has been through one round of zeroing.
        third = moved[4][moved[4].any(axis=1)]
        shares[zeroing] = float((third == 0).mean())
    assert shares[0.0] == 0
    assert shares[0.001] < 0.01
    assert shares[0.3] == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("name", ["genetic", "cma_es"])
@pytest.mark.parametrize("count", [1, 2, 13])
def test_a_query_for_each_try_and_for_what_is_shown(two: np.ndarray, name: str, count: int) -> None:
    key = {"genetic": "generations", "cma_es": "queries"}[name]
    outcome = ward(two).max_effect(build(name, **{key: count}), 0.8)
    assert count + 1 <= outcome.queries <= count + 2


@pytest.mark.parametrize("name", ["genetic", "cma_es"])
def test_the_search_does_more_than_as_many_random_tries(name: str) -> None:
    points = blobs((25, 25), 4, 3.0, 0.8, seed=4)
    key = {"genetic": "generations", "cma_es": "queries"}[name]
    learner = matched_partitioner("kmeans", points, 2)
    problem = BilevelProblem(points, LInf(0.9), matching_error, learner)
    found = problem.max_effect(build(name, **{key: 60})).effect
    noise = problem.max_effect(build("noise", draws=60)).effect
    assert found > noise


def test_pieces_move_along_the_line_and_beside_it(two: np.ndarray) -> None:
    problem = ward(two)
    moves = piece_moves(problem, 3, 2)
    assert moves.shape == (2 * 3 * 2, *two.shape)
    for move in moves:
        rows = move[move.any(axis=1)]
        assert np.allclose(np.linalg.norm(rows, axis=1), 1)
        assert (rows == rows[0]).all()
        assert len(set(problem.before[move.any(axis=1)])) == 1
    # Along each axis every point of the two clusters is in one piece.
    assert (np.count_nonzero(moves.any(axis=2), axis=0) == 2).all()
    line = moves[0][moves[0].any(axis=1)][0]
    beside = moves[1][moves[1].any(axis=1)][0]
    assert abs(line @ beside) < 1e-12
    one = BilevelProblem(two, PerPoint(1.0), delta, lambda points: np.zeros(len(points), dtype=int))
    assert len(piece_moves(one, 3, 2)) == 0


def test_settings_that_are_none() -> None:
    for settings in ({"queries": 0}, {"pieces": 0}, {"axes": 0}):
        with pytest.raises(UserError, match="CMA-ES"):
            build("cma_es", **settings)


def test_the_resistant_victim_keeps_the_edges_and_finds_the_clusters(two: np.ndarray) -> None:
    clustering = AttackedClustering(two, knn_graph(two, 12, 0.1), 1.0, 0.1)
    plain, victim = clustering.learner("recomputed"), clustering.resistant(0.1)
    assert plain(two).max() == 1
    assert (victim(two) == plain(two)).all()
    residual = np.abs(two - plain.solve(two).points_hat)
    assert (residual > victim.threshold).mean() == pytest.approx(0.1, abs=0.03)
    assert victim(two) is victim(two)  # labels are remembered
    alone = AttackedClustering(two, knn_graph(two, 3, 0.1), 1e-9, 0.1)
    assert alone.resistant(0.1).threshold > 0
