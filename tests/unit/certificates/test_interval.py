"""Intervals of gamma: equalities, closed forms, and exact solutions inside them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from advlearn.certificates import electrical_interval, sun_toh_yuan_interval, true_interval
from advlearn.certificates.blocks import blocks
from advlearn.certificates.interval import _low
from advlearn.certificates.routing import complete_routing
from advlearn.certificates.routing import electrical_routing as route
from advlearn.learners.convex import Graph, gaussian_graph, knn_graph, solve, unit_graph
from advlearn.support.errors import UserError
from tests.helpers.certificates import blobs


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(5)


def test_unit_weights_have_the_closed_form(generator: np.random.Generator) -> None:
    points, labels = blobs(generator, [7, 5, 6], 3, 8.0, 0.7)
    found = sun_toh_yuan_interval(points, labels, unit_graph(18))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    sizes = np.bincount(labels)
    low = max(distances[np.ix_(labels == a, labels == a)].max() / sizes[a] for a in range(3))
    means = [points[labels == a].mean(axis=0) for a in range(3)]
    high = min(
        np.linalg.norm(means[a] - means[b]) / (36 - sizes[a] - sizes[b])
        for a in range(3)
        for b in range(a)
    )
    assert found.low == pytest.approx(low, rel=1e-12)
    assert found.high == pytest.approx(high, rel=1e-12)


@pytest.mark.parametrize("kind", ["unit", "gaussian"])
def test_unit_conductances_on_a_complete_graph_are_sun_toh_yuan(
    generator: np.random.Generator, kind: str
) -> None:
    points, labels = blobs(generator, [6, 9, 4], 2, 8.0, 0.8)
    graph = unit_graph(19) if kind == "unit" else gaussian_graph(points, 0.05)
    cut = blocks(points, labels, graph)
    pulls = cut.pulls(graph.weights)
    for cluster in cut.clusters:
        flow = route(cluster, np.ones(len(cluster.edges)))
        assert flow is not None
        np.testing.assert_allclose(flow, complete_routing(cluster).toarray(), atol=1e-13)
        assert _low(cut, cluster, pulls, flow)[0] == pytest.approx(
            _low(cut, cluster, pulls, complete_routing(cluster))[0], rel=1e-10
        )


def test_a_routing_sends_every_demand(generator: np.random.Generator) -> None:
    points, labels = blobs(generator, [12, 8], 2, 8.0, 0.8)
    cut = blocks(points, labels, knn_graph(points, 4, 0.3))
    for cluster in cut.clusters:
        n = len(cluster.members)
        flow = route(cluster, generator.uniform(0.1, 3.0, len(cluster.edges)))
        assert flow is not None
        incidence = np.zeros((len(cluster.edges), n))
        incidence[np.arange(len(cluster.edges)), cluster.edges[:, 0]] = 1
        incidence[np.arange(len(cluster.edges)), cluster.edges[:, 1]] = -1
        np.testing.assert_allclose(incidence.T @ flow, np.eye(n) - 1 / n, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[10, 12], [7, 9, 8]])
@pytest.mark.parametrize("kind", ["unit", "gaussian", "knn"])
def test_reweighting_comes_close_to_the_truth(
    generator: np.random.Generator, kind: str, sizes: list[int]
) -> None:
    points, labels = blobs(generator, sizes, 2, 12.0, 0.7)
    n = len(points)
    graph = {
        "unit": lambda: unit_graph(n),
        "gaussian": lambda: gaussian_graph(points, 0.1),
        "knn": lambda: knn_graph(points, 5, 0.1),
    }[kind]()
    recalled = sun_toh_yuan_interval(points, labels, graph)
    plain = electrical_interval(points, labels, graph, sweeps=0)
    better = electrical_interval(points, labels, graph)
    assert better.low <= plain.low
    assert better.high == plain.high == recalled.high
    true = true_interval(points, labels, graph, 1e-2)
    assert true.low <= better.low * (1 + 1e-2)
    assert better.low <= 1.06 * true.low
    assert better.high <= true.high
    if kind == "knn":
        assert recalled.low == math.inf
    else:
        assert better.low < 0.85 * recalled.low


def test_the_partition_is_exact_throughout_the_interval(generator: np.random.Generator) -> None:
    points, labels = blobs(generator, [9, 7, 8], 2, 9.0, 0.6)
    graph = gaussian_graph(points, 0.08)
    known = electrical_interval(points, labels, graph)
    assert known.low < known.high
    for gamma in np.geomspace(known.low, known.high * 0.9999, 9):
        np.testing.assert_array_equal(solve(points, graph, gamma, tol=1e-10).labels, labels)
    assert known.low in known
    assert known.high not in known


def test_two_clusters_merge_at_the_upper_end(generator: np.random.Generator) -> None:
    points, labels = blobs(generator, [6, 9], 2, 8.0, 0.5)
    graph = unit_graph(15)
    high = sun_toh_yuan_interval(points, labels, graph).high
    assert solve(points, graph, high * 0.999, tol=1e-10).labels.max() == 1
    assert solve(points, graph, high * 1.001, tol=1e-10).labels.max() == 0


def test_single_points_and_one_cluster_have_defined_intervals() -> None:
    points = np.array([[0.0], [1.0], [3.0]])
    graph = unit_graph(3)
    alone = electrical_interval(points, np.arange(3), graph)
    assert alone.low == 0
    assert alone.high == pytest.approx(1 / 4)
    together = electrical_interval(points, np.zeros(3, int), graph)
    assert together.high == math.inf
    assert 0 < together.low < math.inf
    one = electrical_interval(points[:1], np.zeros(1, int), unit_graph(1))
    assert (one.low, one.high) == (0.0, math.inf)


def test_duplicate_points_need_no_gamma() -> None:
    points = np.repeat([[0.0, 0.0], [4.0, 0.0]], 3, axis=0)
    labels = np.repeat([0, 1], 3)
    for found in (
        f(points, labels, unit_graph(6)) for f in (sun_toh_yuan_interval, electrical_interval)
    ):
        assert found.low == pytest.approx(0, abs=1e-12)
        assert found.high == pytest.approx(4 / 6)


def test_a_cluster_without_edges_between_its_parts_is_never_certified() -> None:
    points = np.array([[0.0], [0.1], [5.0], [5.1]])
    graph = Graph(4, np.array([[0, 1], [2, 3]]), np.ones(2))
    assert electrical_interval(points, np.zeros(4, int), graph).low == math.inf
    with pytest.raises(UserError, match="no gamma is known"):
        true_interval(points, np.zeros(4, int), graph)


def test_bad_input_is_refused(generator: np.random.Generator) -> None:
    points, labels = blobs(generator, [5, 5], 2, 8.0, 0.5)
    graph = unit_graph(10)
    with pytest.raises(UserError, match="one size"):
        electrical_interval(points, labels[:-1], graph)
    with pytest.raises(UserError, match="one size"):
        electrical_interval(points, labels, unit_graph(9))
    with pytest.raises(UserError, match="NaN"):
        electrical_interval(np.full((10, 2), np.nan), labels, graph)
    with pytest.raises(UserError, match="sweeps"):
        electrical_interval(points, labels, graph, sweeps=-1)
    with pytest.raises(UserError, match="another partition"):
        true_interval(points, labels, graph, gamma=1e3)
