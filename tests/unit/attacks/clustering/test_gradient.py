from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from advlearn.attacks.clustering.gradient import exact, huber_solution, smoothed
from advlearn.attacks.clustering.smoothed import association_loss
from advlearn.learners.convex import Graph, gaussian_graph, reweighted, solve
from advlearn.support.errors import UserError

PHI, GAMMA, MU = 0.1, 1.2, 0.3


def central(function: Callable[[float], float], step: float = 1e-5) -> float:
    return (function(step) - function(-step)) / (2 * step)


def along(function: Callable[[np.ndarray], float], at: np.ndarray, way: np.ndarray) -> float:
    """Derivative at a place in a direction."""
    return central(lambda t: function(at + t * way))


def directions(shape: tuple[int, ...], count: int = 4) -> list[np.ndarray]:
    generator = np.random.default_rng(5)
    return [generator.standard_normal(shape) for _ in range(count)]


class Exact:
    """A smooth loss of the exact solution, <X, C> + |X|^2 / 2."""

    def __init__(self, points: np.ndarray) -> None:
        self.points = points
        self.graph = gaussian_graph(points, PHI)
        self.slope = np.random.default_rng(3).standard_normal(points.shape)
        found = solve(points, self.graph, GAMMA, tol=1e-12)
        assert found.labels.max() == 2
        self.sensitivity = exact(
            found.labels, found.centroids, self.graph, GAMMA, self.slope + found.points_hat
        )

    def loss(self, points: np.ndarray, graph: Graph, gamma: float) -> float:
        hat = solve(points, graph, gamma, tol=1e-12).points_hat
        return float(np.vdot(hat, self.slope) + 0.5 * np.square(hat).sum())


class Huber(Exact):
    """The loss of the homotopy."""

    def __init__(self, points: np.ndarray) -> None:
        self.points = points
        self.graph = gaussian_graph(points, PHI)
        labels = solve(points, self.graph, GAMMA).labels
        self.together = (labels[:, None] == labels).astype(float)
        hat = huber_solution(points, self.graph, GAMMA, MU, tol=1e-13)
        _, gradient = association_loss(hat, self.together, 0.8)
        self.sensitivity = smoothed(hat, self.graph, GAMMA, MU, gradient)

    def loss(self, points: np.ndarray, graph: Graph, gamma: float) -> float:
        hat = huber_solution(points, graph, gamma, MU, tol=1e-13)
        return association_loss(hat, self.together, 0.8)[0]


@pytest.fixture(params=[Exact, Huber])
def case(request: pytest.FixtureRequest, three: np.ndarray) -> Exact:
    found: Exact = request.param(three)
    return found


def agree(analytic: float, numeric: float) -> None:
    assert analytic == pytest.approx(numeric, rel=1e-6, abs=1e-6)
    assert abs(numeric) > 1e-4  # a derivative that is always 0 would agree with anything


def test_points_at_fixed_weights(case: Exact) -> None:
    for way in directions(case.points.shape):
        numeric = along(lambda points: case.loss(points, case.graph, GAMMA), case.points, way)
        agree(float(np.vdot(case.sensitivity.points, way)), numeric)


def test_points_with_recomputed_weights(case: Exact) -> None:
    slope = case.sensitivity.recomputed(case.points, case.graph, PHI)

    def loss(points: np.ndarray) -> float:
        return case.loss(points, reweighted(case.graph, points, PHI), GAMMA)

    for way in directions(case.points.shape):
        numeric = along(loss, case.points, way)
        agree(float(np.vdot(slope, way)), numeric)


def test_weights(case: Exact) -> None:
    for way in directions(case.graph.weights.shape):
        scaled = way * case.graph.weights

        def loss(t: float, scaled: np.ndarray = scaled) -> float:
            graph = case.graph.with_weights(case.graph.weights + t * scaled)
            return case.loss(case.points, graph, GAMMA)

        agree(float(case.sensitivity.weights @ scaled), central(loss))


def test_gamma(case: Exact) -> None:
    numeric = central(lambda t: case.loss(case.points, case.graph, GAMMA + t))
    agree(case.sensitivity.gamma, numeric)


def test_fixed_weights_give_every_point_of_a_cluster_the_same_derivative(
    three: np.ndarray,
) -> None:
    case = Exact(three)
    labels = solve(three, case.graph, GAMMA).labels
    for name in range(3):
        rows = case.sensitivity.points[labels == name]
        assert np.array_equal(rows, np.broadcast_to(rows[0], rows.shape))
    # So no direction of it can split a cluster; recomputed weights can.
    moved = case.sensitivity.recomputed(three, case.graph, PHI)
    assert np.ptp(moved[labels == 0], axis=0).max() > 1e-6


def test_a_single_cluster_follows_its_mean(three: np.ndarray) -> None:
    graph = gaussian_graph(three, PHI)
    gradient = np.ones_like(three)
    found = exact(np.zeros(len(three), dtype=int), three.mean(0, keepdims=True), graph, 9, gradient)
    assert np.allclose(found.points, 1.0)
    assert not found.weights.any()
    assert found.gamma == 0


def test_huber_tends_to_the_exact_solution(three: np.ndarray) -> None:
    graph = gaussian_graph(three, PHI)
    hat = solve(three, graph, GAMMA, tol=1e-12).points_hat
    far, near = (np.abs(huber_solution(three, graph, GAMMA, mu) - hat).max() for mu in (1e-1, 1e-4))
    assert near < 1e-3 < far


def test_huber_solution_is_a_minimiser(three: np.ndarray) -> None:
    from scipy.optimize import minimize

    graph = gaussian_graph(three, PHI)

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        hat = flat.reshape(three.shape)
        apart = graph.incidence() @ hat
        size = np.linalg.norm(apart, axis=1)
        huber = np.where(size <= MU, size**2 / (2 * MU), size - MU / 2)
        pull = (GAMMA * graph.weights / np.maximum(size, MU))[:, None] * apart
        total = 0.5 * np.square(hat - three).sum() + GAMMA * graph.weights @ huber
        return float(total), (hat - three + graph.incidence().T @ pull).ravel()

    peer = minimize(value, three.ravel(), jac=True, method="L-BFGS-B", options={"ftol": 1e-16})
    found = huber_solution(three, graph, GAMMA, MU)
    assert value(found.ravel())[0] <= peer.fun + 1e-10
    assert np.abs(found.ravel() - peer.x).max() < 1e-4


def test_association_loss_is_delta_squared_for_a_narrow_width() -> None:
    hat = np.array([[0.0], [0.0], [5.0], [5.0]])
    together = np.ones((4, 4))
    loss, gradient = association_loss(hat, together, 0.01)
    assert loss == 8  # ordered pairs that were together and are not
    assert not gradient.any()


@pytest.mark.parametrize("gamma", [0.0, -1.0, np.nan, np.inf])
def test_penalties_that_are_none(three: np.ndarray, gamma: float) -> None:
    graph = gaussian_graph(three, PHI)
    labels = np.arange(len(three))
    with pytest.raises(UserError, match="penalty"):
        exact(labels, three, graph, gamma, three)
    with pytest.raises(UserError, match="penalty"):
        huber_solution(three, graph, gamma, MU)
    with pytest.raises(UserError, match="penalty"):
        smoothed(three, graph, gamma, MU, three)


@pytest.mark.parametrize("mu", [0.0, -1.0, np.nan])
def test_widths_that_are_none(three: np.ndarray, mu: float) -> None:
    graph = gaussian_graph(three, PHI)
    with pytest.raises(UserError, match="Huber"):
        huber_solution(three, graph, GAMMA, mu)
    with pytest.raises(UserError, match="Huber"):
        smoothed(three, graph, GAMMA, mu, three)
