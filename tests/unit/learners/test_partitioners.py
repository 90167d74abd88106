from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from advlearn.learners.convex import Graph, knn_graph, reweighted, solve
from advlearn.learners.partitioners import (
    PARTITIONERS,
    ConvexPartitioner,
    Weights,
    build,
    matched_partitioner,
)
from advlearn.support.errors import UserError


@pytest.fixture
def points() -> np.ndarray:
    generator = np.random.default_rng(0)
    corners = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
    return np.repeat(corners, [30, 25, 20], axis=0) + 0.6 * generator.standard_normal((75, 2))


TRUTH = np.repeat([0, 1, 2], [30, 25, 20])


def victim(name: str, points: np.ndarray) -> Any:
    if name == "convex":
        return build(name, graph=knn_graph(points, 10, 0.5), gamma=20.0)
    if name == "resistant":
        return build(name, graph=knn_graph(points, 10, 0.5), gamma=20.0, threshold=1.0)
    return matched_partitioner(name, points, 3)


def same(first: np.ndarray, second: np.ndarray) -> bool:
    """The same partition, whatever the names of its clusters."""
    return len(set(zip(first.tolist(), second.tolist(), strict=True))) == len(set(first.tolist()))


@pytest.mark.parametrize("name", sorted(PARTITIONERS))
def test_clear_clusters_are_found(name: str, points: np.ndarray) -> None:
    labels = victim(name, points)(points)
    assert labels.shape == (75,)
    assert labels.dtype == np.int64
    clear = labels >= 0
    assert clear.mean() > 0.85
    assert len(set(labels[clear].tolist())) == 3
    assert same(TRUTH[clear], labels[clear])


@pytest.mark.parametrize("name", sorted(PARTITIONERS))
def test_the_same_points_give_the_same_labels(name: str, points: np.ndarray) -> None:
    noisy = points + np.random.default_rng(1).standard_normal(points.shape)
    first = victim(name, points)(noisy)
    with threadpool_limits(1):
        again = victim(name, points)(noisy.copy())
    assert np.array_equal(first, again)


@pytest.mark.parametrize("name", sorted(PARTITIONERS))
def test_labels_do_not_depend_on_what_was_asked_before(name: str, points: np.ndarray) -> None:
    noisy = points + np.random.default_rng(1).standard_normal(points.shape)
    used = victim(name, points)
    for seed in range(6):
        used(points + np.random.default_rng(seed).standard_normal(points.shape))
    assert np.array_equal(used(noisy), victim(name, points)(noisy))


@pytest.mark.parametrize("name", sorted(PARTITIONERS))
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none(name: str, points: np.ndarray, bad: float) -> None:
    used = victim(name, points)
    points[3, 1] = bad
    with pytest.raises(UserError, match="NaN or infinity in 1 of 75"):
        used(points)


@pytest.mark.parametrize("name", ["kmeans", "ward", "spectral"])
def test_too_few_points(name: str) -> None:
    with pytest.raises(UserError, match="clusters"):
        build(name, n_clusters=3)(np.zeros((2, 2)))
    three = np.array([[0.0], [1.0], [5.0]])
    assert sorted(build(name, n_clusters=3)(three).tolist()) == [0, 1, 2]


@pytest.mark.parametrize("name", ["kmeans", "ward", "spectral", "dbscan", "hdbscan"])
def test_one_point(name: str) -> None:
    settings = {"dbscan": {"eps": 1.0}, "hdbscan": {}}.get(name, {"n_clusters": 1})
    labels = build(name, **settings)(np.zeros((1, 2)))
    assert labels.shape == (1,)


@pytest.mark.parametrize("name", ["kmeans", "ward", "dbscan"])
def test_points_that_are_all_the_same(name: str) -> None:
    points = np.ones((12, 2))
    if name == "dbscan":
        with pytest.raises(UserError, match="radius"):
            matched_partitioner(name, points, 2)
        return
    labels = matched_partitioner(name, points, 2)(points)
    assert labels.min() >= 0


def test_convex_solves_with_the_weights_it_is_told(points: np.ndarray) -> None:
    graph = knn_graph(points, 5, 0.5)
    moved = points + 0.5 * np.random.default_rng(2).standard_normal(points.shape)
    graphs: dict[Weights, Graph] = {"fixed": graph, "recomputed": reweighted(graph, moved, 0.5)}
    for weights, used in graphs.items():
        partitioner = ConvexPartitioner(graph, 1.0, weights, 0.5)
        expected = solve(moved, used, 1.0, tol=1e-10)
        assert np.array_equal(partitioner(moved), expected.labels)
        assert np.abs(partitioner.solve(moved).points_hat - expected.points_hat).max() < 1e-7
    assert not np.array_equal(graph.weights, reweighted(graph, moved, 0.5).weights)


def test_convex_starts_warm_and_finds_the_same(points: np.ndarray) -> None:
    graph = knn_graph(points, 10, 0.5)
    start = solve(points, graph, 2.0, tol=1e-10)
    moved = points + 0.1 * np.random.default_rng(2).standard_normal(points.shape)
    warm = ConvexPartitioner(graph, 2.0, start=start)
    assert np.array_equal(warm(moved), ConvexPartitioner(graph, 2.0)(moved))


def test_convex_forgets_a_start_whose_edges_are_gone(points: np.ndarray) -> None:
    graph = knn_graph(points, 10, 0.5)
    start = solve(points, graph, 2.0)
    far = points.copy()
    far[0] += 200.0  # its weights underflow and its edges are dropped
    partitioner = ConvexPartitioner(graph, 2.0, "recomputed", 0.5, start=start)
    labels = partitioner(far)
    assert (labels == labels[0]).sum() == 1


def test_unknown_names_and_settings(points: np.ndarray) -> None:
    with pytest.raises(UserError, match="unknown partitioner 'kmean'"):
        build("kmean")
    with pytest.raises(UserError, match="cannot be built"):
        build("ward", n_cluster=3)
    with pytest.raises(UserError, match="without a graph"):
        matched_partitioner("convex", points, 3)
    with pytest.raises(UserError, match="treatment of weights"):
        build("convex", graph=knn_graph(points), gamma=1.0, weights="frozen")
