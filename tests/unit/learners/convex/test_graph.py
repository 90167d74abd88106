from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import kneighbors_graph

from advlearn.learners.convex import Graph, gaussian_graph, knn_graph, reweighted, unit_graph
from advlearn.support.errors import UserError


def points(n: int = 30, d: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def test_knn_graph_is_scikit_learns_symmetrised_one() -> None:
    a = points()
    near = kneighbors_graph(a, 4, include_self=False).toarray() > 0
    graph = knn_graph(a, k=4, phi=0.3)
    wanted = np.argwhere(np.triu(near | near.T))
    np.testing.assert_array_equal(graph.edges, wanted)
    distances = np.linalg.norm(a[wanted[:, 0]] - a[wanted[:, 1]], axis=1)
    np.testing.assert_allclose(graph.weights, np.exp(-0.3 * distances**2), rtol=1e-12)


def test_complete_graphs() -> None:
    a = points(6)
    assert unit_graph(6).m == gaussian_graph(a).m == 15
    assert (unit_graph(6).weights == 1).all()
    np.testing.assert_array_equal(gaussian_graph(a, phi=0).weights, np.ones(15))


def test_incidence_and_degrees() -> None:
    a = points(10)
    graph = knn_graph(a, k=3)
    i, j = graph.edges.T
    np.testing.assert_array_equal(graph.incidence() @ a, a[i] - a[j])
    dense = np.zeros((10, 10))
    dense[i, j] = dense[j, i] = graph.weights
    np.testing.assert_allclose(graph.degrees(), dense.sum(axis=1), rtol=1e-14)


def test_components_are_numbered_by_first_point() -> None:
    a = np.concatenate([points(5) + 100, points(5), points(1) - 900])
    graph = knn_graph(a, k=2, phi=1e-3)
    np.testing.assert_array_equal(graph.components()[:10], np.repeat([0, 1], 5))
    assert Graph(3, np.empty((0, 2)), np.empty(0)).components().tolist() == [0, 1, 2]


def test_weights_that_underflow_are_left_out() -> None:
    a = np.array([[0.0], [1.0], [100.0]])
    graph = gaussian_graph(a, phi=1.0)
    assert graph.edges.tolist() == [[0, 1]]
    assert reweighted(unit_graph(3), a, 1.0).edges.tolist() == [[0, 1]]
    assert unit_graph(3).with_weights(np.array([1.0, 0.0, 2.0])).m == 2


def test_from_edges_adds_what_is_repeated_and_drops_loops() -> None:
    graph = Graph.from_edges(3, np.array([[1, 0], [0, 1], [2, 2], [2, 1]]), np.ones(4))
    assert graph.edges.tolist() == [[0, 1], [1, 2]]
    assert graph.weights.tolist() == [2.0, 1.0]


def test_one_point_and_more_neighbours_than_points() -> None:
    assert knn_graph(np.zeros((1, 2))).m == 0
    assert knn_graph(points(4), k=10, phi=0.1).m == 6


@pytest.mark.parametrize(
    ("edges", "weights"),
    [
        ([[1, 0]], [1.0]),
        ([[0, 3]], [1.0]),
        ([[0, 1], [0, 1]], [1.0, 1.0]),
        ([[0, 1]], [0.0]),
        ([[0, 1]], [np.nan]),
        ([[0, 1]], [1.0, 1.0]),
    ],
)
def test_what_is_no_graph_is_refused(edges: list[list[int]], weights: list[float]) -> None:
    with pytest.raises(UserError, match="no graph"):
        Graph(3, np.array(edges), np.array(weights))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(UserError, match="point 1"):
        knn_graph(np.array([[0.0], [np.nan]]))
    with pytest.raises(UserError, match="table"):
        gaussian_graph(np.zeros(3))
    with pytest.raises(UserError, match="neighbour"):
        knn_graph(points(), k=0)
    with pytest.raises(UserError, match="phi"):
        knn_graph(points(), phi=-1.0)
