"""Robust radii: nothing inside them changes the partition, and what lies outside does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from advlearn.certificates import electrical_interval, radius, sun_toh_yuan_interval
from advlearn.certificates.blocks import blocks
from advlearn.certificates.reach import reach
from advlearn.certificates.turning import solve_centroids, turns
from advlearn.learners.convex import (
    Graph,
    certify_partition,
    gaussian_graph,
    knn_graph,
    solve,
    unit_graph,
)
from advlearn.support.errors import UserError
from tests.helpers.certificates import BUDGETS, METHODS, MODES, SHORT, blobs, campaign


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.mark.slow
def test_no_perturbation_inside_changes_the_partition() -> None:
    counts = campaign(4, seed=3, most=2, sweeps=8)
    total = {
        what: sum(value for key, value in counts.items() if key[-1] == what)
        for what in ("positive", "solves", "violations")
    }
    assert total["violations"] == 0
    assert total["solves"] > 100
    # Every kind of certificate was really tried.
    for budget in BUDGETS:
        for mode in MODES:
            for method in METHODS:
                assert counts[budget, mode, method, "solves"] > 0


@pytest.mark.parametrize("sizes", [[15, 15], [10, 20]])
def test_of_two_clusters_with_fixed_weights_the_merge_radius_is_exact(
    generator: np.random.Generator, sizes: list[int]
) -> None:
    points, labels = blobs(generator, sizes, 2, 8.0, 0.3)
    graph = gaussian_graph(points, 0.05)
    known = electrical_interval(points, labels, graph)
    gamma = 0.9 * known.high
    cut = blocks(points, labels, graph)
    towards = cut.means[1] - cut.means[0]
    pull = cut.between(cut.pulls(graph.weights))[0, 1]
    closed = 0.5 * (np.linalg.norm(towards) - gamma * pull * (1 / sizes[0] + 1 / sizes[1]))
    for method in METHODS:
        found = radius(points, labels, graph, gamma, method=method)
        assert found.outside == pytest.approx(closed, rel=1e-7)
    towards /= np.linalg.norm(towards)
    for factor, clusters in ((0.999, 2), (1.001, 1)):
        moved = points + factor * closed * np.where(labels == 0, 1, -1)[:, None] * towards
        assert solve(moved, graph, gamma, tol=1e-10).labels.max() + 1 == clusters


def test_the_methods_are_ordered(generator: np.random.Generator) -> None:
    points, labels = blobs(generator, [8, 9, 7], 3, 9.0, 0.5)
    graph = gaussian_graph(points, 0.03)
    known = electrical_interval(points, labels, graph)
    gamma = math.sqrt(known.low * known.high)
    for weights in MODES:
        options: dict[str, Any] = {"weights": weights, "phi": 0.03, "sweeps": 20}
        radii = [
            radius(points, labels, graph, gamma, method=method, **options).value
            for method in METHODS
        ]
        assert radii[0] > 0
        assert radii[0] <= radii[1] * (1 + 1e-6)
        assert radii[1] <= radii[2] * (1 + 0.02)


def test_the_cut_that_binds_splits_just_outside(generator: np.random.Generator) -> None:
    # One point hangs on one edge of weight w: it leaves once |a - mean| n / (n - 1) > gamma w.
    points = np.concatenate([0.1 * generator.standard_normal((6, 2)), [[1.0, 0.0]]])
    edges = np.concatenate([np.stack(np.triu_indices(6, 1), axis=1), [[5, 6]]])
    graph = Graph.from_edges(7, edges, np.ones(len(edges)))
    labels, gamma = np.zeros(7, int), 1.2
    arm = points[6] - points.mean(axis=0)
    closed = (gamma - np.linalg.norm(arm)) / (2 * 6 / 7)
    found = radius(points, labels, graph, gamma)
    assert found.outside == math.inf
    assert found.value == pytest.approx(closed, rel=1e-6)
    direction = arm / np.linalg.norm(arm)
    for factor, clusters in ((0.999, 1), (1.001, 2)):
        shift = np.where(np.arange(7) == 6, 1, -1)[:, None] * direction
        moved = points + factor * closed * shift
        assert solve(moved, graph, gamma, tol=1e-10).labels.max() + 1 == clusters


def test_choosing_the_routing_for_the_radius_enlarges_it(generator: np.random.Generator) -> None:
    points, labels = blobs(generator, [30, 25], 2, 10.0, 1.0)
    graph = knn_graph(points, 6, 0.3)
    low = electrical_interval(points, labels, graph).low
    plain = radius(points, labels, graph, 2 * low, sweeps=0)
    searched = radius(points, labels, graph, 2 * low)
    assert searched.inside > 1.2 * plain.inside
    assert radius(points, labels, graph, 2 * low, method="sun_toh_yuan").value == 0


@pytest.mark.parametrize("budget", BUDGETS)
def test_budgets_are_as_large_as_their_norms_say(
    generator: np.random.Generator, budget: Any
) -> None:
    points, labels = blobs(generator, [8, 8], 3, 8.0, 0.4)
    graph = gaussian_graph(points, 0.05)
    known = electrical_interval(points, labels, graph)
    gamma = math.sqrt(known.low * known.high)
    found = radius(points, labels, graph, gamma, budget=budget).value
    each = radius(points, labels, graph, gamma, budget="per_point").value
    # |E|_F / sqrt(n) <= max_i |e_i| <= |E|_F, and max |E_ik| <= max_i |e_i| <= sqrt(d) max |E_ik|.
    low, high = {
        "per_point": (1, 1),
        "frobenius": (1, 4),
        "single_point": (1, math.inf),
        "linf": (1 / math.sqrt(3), 1),
    }[budget]
    assert low * each * (1 - 0.02) <= found <= high * each * (1 + 0.02)


def test_the_one_point_that_moves_may_be_named(generator: np.random.Generator) -> None:
    points, labels = blobs(generator, [6, 5], 2, 8.0, 0.4)
    graph = gaussian_graph(points, 0.05)
    known = electrical_interval(points, labels, graph)
    gamma = 1.1 * known.low
    any_point = radius(points, labels, graph, gamma, budget="single_point", sweeps=5).value
    named = [
        radius(points, labels, graph, gamma, budget="single_point", index=index, sweeps=5).value
        for index in (0, 3, 5, 8)
    ]
    assert min(named) >= any_point * 0.98
    assert max(named) > 1.05 * min(named)


@pytest.mark.parametrize("budget", BUDGETS)
def test_directions_turn_no_further_than_the_bound(
    generator: np.random.Generator, budget: Any
) -> None:
    points, labels = blobs(generator, [5, 7, 4, 6], 3, 6.0, 0.4)
    graph = gaussian_graph(points, 0.02)
    cut = blocks(points, labels, graph)
    solved = solve_centroids(cut, 0.05)
    assert solved is not None
    np.testing.assert_allclose(solved.residual, 0, atol=1e-9)
    reached = reach(cut, budget)
    share = 0.0
    for size in (0.05, 0.3, 0.8):
        limits = turns(solved, reached, size, solved.between, solved.between)
        for _ in range(20):
            draw = generator.standard_normal(points.shape)
            if budget == "single_point":
                draw[np.arange(len(draw)) != generator.integers(len(draw))] = 0
            norms = {
                "per_point": np.linalg.norm(draw, axis=1).max(),
                "frobenius": np.linalg.norm(draw),
                "single_point": np.linalg.norm(draw),
                "linf": np.abs(draw).max(),
            }
            after = solve_centroids(
                blocks(points + size * draw / norms[budget], labels, graph), 0.05
            )
            assert after is not None
            a, b = cut.pairs.T
            turned = np.linalg.norm(after.directions - solved.directions, axis=1)
            assert (turned <= limits.turn[a, b] * (1 + 1e-9)).all()
            assert (after.distances >= limits.apart * (1 - 1e-9)).all()
            share = max(share, float((turned / limits.turn[a, b]).max()))
    assert share > 0.02


def test_outside_the_interval_nothing_is_certified(generator: np.random.Generator) -> None:
    points, labels = blobs(generator, [6, 6], 2, 8.0, 0.5)
    graph = unit_graph(12)
    known = electrical_interval(points, labels, graph)
    for method in METHODS:
        assert radius(points, labels, graph, 0.5 * known.low, method=method).inside == 0
        assert radius(points, labels, graph, 1.5 * known.high, method=method).outside == 0
        # Half of one cluster with the other: not the partition at any gamma.
        assert radius(points, np.arange(12) % 2, graph, known.low, method=method).value == 0


def test_defined_results_at_the_edges() -> None:
    one = radius(np.zeros((1, 2)), np.zeros(1, int), unit_graph(1), 1.0)
    assert (one.value, one.inside, one.outside) == (math.inf, math.inf, math.inf)
    pair = np.array([[0.0], [1.0]])
    together = radius(pair, np.zeros(2, int), unit_graph(2), 2.0)
    # x_1 = x_2 as long as |a_1 - a_2| <= 2 gamma.
    assert together.outside == math.inf
    assert together.value == pytest.approx(1.5, rel=1e-6)
    apart = radius(pair, np.arange(2), unit_graph(2), 0.2)
    assert apart.inside == math.inf
    assert apart.value == pytest.approx(0.3, rel=1e-6)
    copies = np.repeat([[0.0, 0.0], [4.0, 0.0]], 3, axis=0)
    found = radius(copies, np.repeat([0, 1], 3), unit_graph(6), 0.3)
    assert 0 < found.value < math.inf
    split = Graph(4, np.array([[0, 1], [2, 3]]), np.ones(2))
    line = np.array([[0.0], [0.1], [5.0], [5.1]])
    assert radius(line, np.zeros(4, int), split, 1.0).value == 0
    assert radius(line, np.array([0, 0, 1, 1]), split, 1.0).outside == math.inf


def test_bad_input_is_refused(generator: np.random.Generator) -> None:
    points, labels = blobs(generator, [4, 4], 2, 8.0, 0.5)
    graph = gaussian_graph(points, 0.1)

    def refused(match: str, at: float = 0.1, **options: Any) -> None:
        with pytest.raises(UserError, match=match):
            radius(points, labels, graph, at, **options)

    refused("penalty", 0.0)
    refused("penalty", -1.0)
    refused("penalty", math.nan)
    refused("unknown budget", budget="ball")
    refused("unknown method", method="guess")
    refused("unknown kind", weights="some")
    refused("need the rate", weights="recomputed")
    refused("not exp", weights="recomputed", phi=0.2)
    refused("index", budget="single_point", index=8)
    refused("index", index=1)
    refused("sweeps", sweeps=-1)


def test_shorter_than_the_radius_is_what_the_campaign_tries() -> None:
    assert 0.99 < SHORT < 1


def test_a_huge_change_of_one_weight_hides_no_other(generator: np.random.Generator) -> None:
    points, labels = blobs(generator, [4, 5, 3], 2, 6.0, 0.3)
    graph = gaussian_graph(points, 0.02)
    cut = blocks(points, labels, graph)
    solved = solve_centroids(cut, 0.05)
    assert solved is not None
    high = solved.between.copy()
    high[0, 1] = high[1, 0] = 1e30
    found = turns(solved, reach(cut, "per_point"), 0.1, solved.between, high)
    calm = turns(solved, reach(cut, "per_point"), 0.1, solved.between, solved.between)
    assert (found.turn >= calm.turn).all()
    assert (found.apart <= calm.apart).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_cluster_that_its_own_edges_do_not_connect_is_no_cluster(method: Any) -> None:
    """Proposition 1 without it: the empty flow would carry the demand, which is 0."""
    points = np.array([[0.0], [0.0], [4.0], [4.0]])
    # Points 0 and 1 are at one place, and joined through the other cluster only.
    graph = Graph.from_edges(4, np.array([[0, 2], [1, 2], [0, 3], [1, 3], [2, 3]]), np.ones(5))
    labels, gamma = np.array([0, 0, 1, 1]), 0.3
    found = solve(points, graph, gamma, tol=1e-10)
    assert np.ptp(found.points_hat[:2]) < 1e-9
    assert found.labels.tolist() == [0, 1, 2, 2]
    refused = certify_partition(points, graph, gamma, labels)
    assert (refused.valid, refused.refuted) == (False, True)
    assert radius(points, labels, graph, gamma, method=method).value == 0
    assert electrical_interval(points, labels, graph).low == math.inf
    assert sun_toh_yuan_interval(points, labels, graph).low == math.inf
    joined = Graph.from_edges(4, np.vstack([graph.edges, [[0, 1]]]), np.ones(6))
    assert certify_partition(points, joined, gamma, labels).valid
    assert radius(points, labels, joined, gamma, method=method).value > 0
