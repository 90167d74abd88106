from __future__ import annotations

import cvxpy
import numpy as np
import pytest

from advlearn.learners.convex import Graph, certify_partition, gaussian_graph, knn_graph
from advlearn.learners.convex.load import flow_load
from advlearn.support.errors import UserError


def problem(seed: int) -> tuple[np.ndarray, Graph]:
    generator = np.random.default_rng(seed)
    n, d = int(generator.integers(3, 9)), int(generator.integers(1, 4))
    graph = gaussian_graph(generator.standard_normal((n, d)), 0.3)
    demand = generator.standard_normal((n, d))
    return demand - demand.mean(axis=0), graph


def by_cone_program(demand: np.ndarray, graph: Graph) -> float:
    flow, load = cvxpy.Variable((graph.m, demand.shape[1])), cvxpy.Variable()
    limits = [cvxpy.norm(flow[e]) <= load * graph.weights[e] for e in range(graph.m)]
    carried = graph.incidence().T.toarray() @ flow == demand
    found = cvxpy.Problem(cvxpy.Minimize(load), [carried, *limits])
    found.solve(solver="CLARABEL")
    return float(found.value)


@pytest.mark.parametrize("seed", range(10))
def test_the_load_is_that_of_the_cone_program_over_all_flows(seed: int) -> None:
    demand, graph = problem(seed)
    found = flow_load(demand, graph)
    assert found.value == pytest.approx(by_cone_program(demand, graph), rel=2e-6)


@pytest.mark.parametrize("seed", range(10))
def test_the_potential_proves_the_load(seed: int) -> None:
    demand, graph = problem(seed)
    found = flow_load(demand, graph)
    lengths = np.linalg.norm(graph.incidence() @ found.potential, axis=1)
    assert graph.weights @ lengths == pytest.approx(1)
    assert np.vdot(demand, found.potential) == pytest.approx(found.value)
    assert found.potential.sum(axis=0) == pytest.approx(0)


@pytest.mark.parametrize("seed", range(5))
def test_on_a_line_the_load_is_that_of_the_fullest_cut(seed: int) -> None:
    generator = np.random.default_rng(seed)
    graph = knn_graph(generator.standard_normal((9, 2)), 3, 0.5)
    if graph.components().any():
        pytest.skip("the graph is not connected")
    demand = generator.standard_normal((9, 1))
    demand -= demand.mean()
    parts = (np.arange(1, 2**8)[:, None] >> np.arange(9)) & 1
    crossing = parts[:, graph.edges[:, 0]] != parts[:, graph.edges[:, 1]]
    fullest = (np.abs(parts @ demand[:, 0]) / (crossing @ graph.weights)).max()
    assert flow_load(demand, graph).value == pytest.approx(fullest, rel=2e-6)


def test_a_cluster_holds_exactly_while_its_load_is_at_most_one() -> None:
    generator = np.random.default_rng(3)
    points = generator.standard_normal((12, 2))
    graph = knn_graph(points, 5, 0.2)
    load = flow_load(points - points.mean(axis=0), graph).value
    together = np.zeros(12, dtype=int)
    # With the weights as capacities the load is the gamma from which all points are one cluster.
    assert certify_partition(points, graph, load * 1.0001, together).valid
    assert certify_partition(points, graph, load * 0.9999, together).refuted


def test_the_potential_is_the_derivative_of_the_load() -> None:
    demand, graph = problem(4)
    way = np.random.default_rng(0).standard_normal(demand.shape)
    way -= way.mean(axis=0)
    high, low = (flow_load(demand + t * way, graph, tol=1e-11).value for t in (1e-5, -1e-5))
    slope = np.vdot(flow_load(demand, graph, tol=1e-9).potential, way)
    assert slope == pytest.approx((high - low) / 2e-5, rel=1e-3)


def test_a_start_changes_nothing_but_the_way() -> None:
    demand, graph = problem(5)
    start = np.random.default_rng(1).standard_normal(demand.shape)
    found = flow_load(demand, graph, start=start)
    assert found.value == pytest.approx(flow_load(demand, graph).value, rel=2e-6)


def test_no_demand_is_no_load() -> None:
    _, graph = problem(0)
    found = flow_load(np.zeros((graph.n, 2)), graph)
    assert found.value == 0
    assert not found.potential.any()


def test_wrong_input_is_refused() -> None:
    demand, graph = problem(0)
    with pytest.raises(UserError, match="of one size"):
        flow_load(demand[:-1], graph)
    with pytest.raises(UserError, match="adds up to 0"):
        flow_load(demand + 1, graph)
    with pytest.raises(UserError, match="not connected"):
        flow_load(np.array([[1.0], [-1.0]]), Graph(2, np.empty((0, 2)), np.empty(0)))
    with pytest.raises(UserError, match="relative"):
        flow_load(demand, graph, tol=0)


def test_a_bound_that_is_enough_ends_the_search() -> None:
    points = np.random.default_rng(0).standard_normal((12, 2))
    graph = gaussian_graph(points, 0.3)
    demand = points - points.mean(axis=0)
    whole = flow_load(demand, graph)
    first = flow_load(demand, graph, enough=0.0)
    assert 0 < first.value < whole.value * (1 - 1e-3)
    assert flow_load(demand, graph, enough=2 * whole.value).value == whole.value
    # What it returns is proved all the same.
    price = graph.weights @ np.linalg.norm(graph.incidence() @ first.potential, axis=1)
    assert np.vdot(demand, first.potential) / price == pytest.approx(first.value)
