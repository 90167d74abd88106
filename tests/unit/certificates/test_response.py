"""Pairs of centroids move and turn no further than their derivative allows."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pytest

from advlearn.certificates import exact_radius, radius
from advlearn.certificates.blocks import Blocks, blocks
from advlearn.certificates.calmness import Weights
from advlearn.certificates.reach import reach
from advlearn.certificates.response import Moves
from advlearn.certificates.turning import SolvedCentroids, solve_centroids
from advlearn.data.point_sets import make_points
from advlearn.learners.convex import Graph, gaussian_graph, knn_graph, reweighted, solve
from advlearn.settings.points import MoonsSettings
from tests.helpers.point_sets import line

PHI, GAMMA = 0.02, 0.35


def ring(seed: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Five clusters around a circle, whose forces on one another are strong."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(5), [6, 4, 7, 3, 5])
    angles = 2 * np.pi * labels / 5
    centres = np.zeros((len(labels), d))
    centres[:, :2] = 5 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return centres + 0.4 * generator.standard_normal(centres.shape), labels


def solved_at(points: np.ndarray, labels: np.ndarray, graph: Graph) -> SolvedCentroids:
    found = solve_centroids(blocks(points, labels, graph), GAMMA)
    assert found is not None
    return found


def bounds(solved: SolvedCentroids, size: float, low: np.ndarray, high: np.ndarray) -> Moves:
    cut: Blocks = solved.blocks
    a, b = cut.pairs.T
    change = np.maximum(high - solved.between, solved.between - low)
    assert solved.response is not None
    known = np.full(len(a), np.inf)
    found = solved.response.moves(reach(cut, "per_point"), size, change[a, b], high[a, b], known)
    assert found is not None
    return found


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("weights", ["fixed", "recomputed"])
def test_no_perturbation_moves_or_turns_a_pair_further(d: int, weights: str) -> None:
    points, labels = ring(0, d)
    graph = gaussian_graph(points, PHI)
    solved = solved_at(points, labels, graph)
    cut = solved.blocks
    a, b = cut.pairs.T
    generator = np.random.default_rng(d)
    share = np.zeros(2)
    for size in (0.01, 0.05):
        draws = []
        for _ in range(40):
            # Whole clusters move, and for the first pairs towards each other or past each other.
            ways = generator.standard_normal((5, d))
            pair = int(generator.integers(len(a)))
            across = generator.standard_normal(d)
            across -= across @ solved.directions[pair] * solved.directions[pair]
            way = across if generator.random() < 0.5 else solved.directions[pair]
            ways[a[pair]], ways[b[pair]] = way, -way
            ways /= np.linalg.norm(ways, axis=1)[:, None]
            draws.append(points + size * ways[labels])
        graphs = [graph if weights == "fixed" else reweighted(graph, moved, PHI) for moved in draws]
        between = [cut.between(cut.pulls(each.weights)) for each in graphs]
        found = bounds(solved, size, np.min(between, axis=0), np.max(between, axis=0))
        for moved, each in zip(draws, graphs, strict=True):
            after = solved_at(moved, labels, each)
            start = solved.centroids[a] - solved.centroids[b]
            ways = after.centroids[a] - after.centroids[b] - start
            lengths = np.linalg.norm(ways, axis=1)
            turned = np.linalg.norm(after.directions - solved.directions, axis=1)
            assert (lengths <= found.moved).all()
            assert (turned <= found.turned).all()
            assert (after.distances >= found.apart).all()
            best = np.array([(lengths / found.moved).max(), (turned / found.turned).max()])
            share = np.maximum(share, best)
    # The bounds are met by half and more: they are not simply large.
    assert (share > 0.5).all()


@pytest.mark.parametrize("seed", range(8))
def test_on_a_line_the_radius_to_a_merge_is_exact(seed: int) -> None:
    points, labels, graph, gamma = line(seed)
    found = radius(points, labels, graph, gamma)
    assert found.outside == pytest.approx(
        exact_radius(points, labels, graph, gamma).outside, rel=1e-4
    )


def test_a_fixed_point_that_is_not_reached_gives_no_bound() -> None:
    points, labels = ring(0, 2)
    solved = solved_at(points, labels, gaussian_graph(points, PHI))
    assert solved.response is not None
    pairs = len(solved.distances)
    nothing, known = np.zeros(pairs), np.full(pairs, np.inf)
    reached = reach(solved.blocks, "per_point")
    a, b = solved.blocks.pairs.T
    assert solved.response.moves(reached, 50.0, nothing, solved.between[a, b], known) is None


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["fixed", "recomputed"])
def test_the_derivative_makes_certificates_larger(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = make_points(MoonsSettings(name="circles", points=200, noise=0.08), 10).points
    graph, gamma = knn_graph(points, 10, 0.5), 24.6
    labels = solve(points, graph, gamma, tol=1e-10).labels
    assert labels.max() == 5
    found = []
    for used in (True, False):
        if not used:
            without = cached_property(lambda self: None)
            without.__set_name__(SolvedCentroids, "response")
            monkeypatch.setattr(SolvedCentroids, "response", without)
        found.append(
            radius(points, labels, graph, gamma, weights=weights, phi=0.5, sweeps=10).value
        )
    assert found[0] > 1.5 * found[1] > 0
