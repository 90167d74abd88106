"""How full the edges of a cluster are: the least largest load of a flow, and what shows it.

A demand b (n, d) whose rows add up to 0 is carried by a flow F on the edges of a cluster. The load
is the least t for which some flow has |F_e| <= t c_e. By duality (derived here)

    load = max_Y <b, Y> / sum_e c_e |y_i - y_j|,

so a potential Y shows that no flow is less loaded, and it is the derivative of the load with
respect to b once it is divided by the sum. A cluster of convex clustering holds together while its
load is at most 1 (`flow`), so Y tells an attacker in which direction each point has to be pulled.

The ratio is maximised as fractional programs are (Dinkelbach 1967): for a value t below the load

    X(t) = argmin 1/2 |X - b|^2 + t sum_e c_e |x_i - x_j|

is not 0 and has a ratio above t, which is the next t. That problem is convex clustering again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from advlearn.learners.convex.graph import Graph, check_points
from advlearn.learners.convex.solution import Solution, lengths
from advlearn.learners.convex.solver import solve
from advlearn.support.errors import UserError

__all__ = ["FlowLoad", "flow_load"]

_STEPS = 50
_GAP = 1e-10
# A sum of demands that is rounding, relative to the sum of their sizes.
_BALANCED = 1e-8


@dataclass(frozen=True, eq=False)
class FlowLoad:
    """The load of a demand.

    Attributes:
        value: <b, Y> / sum_e c_e |y_i - y_j|: no flow has a smaller largest load; 0 for b = 0.
        potential: Y, (n, d), adds up to 0 and is scaled so that sum_e c_e |y_i - y_j| = 1; the
            derivative of the value with respect to b. 0 for b = 0.
    """

    value: float
    potential: np.ndarray


def flow_load(
    demand: np.ndarray,
    graph: Graph,
    *,
    tol: float = 1e-6,
    start: np.ndarray | None = None,
    enough: float = math.inf,
) -> FlowLoad:
    """The least largest load |F_e| / c_e of the flows on ``graph`` that carry ``demand``.

    Args:
        demand: b, (n, d) finite, adds up to 0.
        graph: connected, with the capacities c as weights.
        tol: relative accuracy, in (0, 1): the value is a lower bound of the load, and above the
            load less this part of it.
        start: a potential (n, d) that is good for a demand nearby.
        enough: a lower bound above this ends the search, however far below the load it is.

    Raises:
        UserError: the demand is no finite table or does not add up to 0, the graph is not of these
            points or not connected, or a wrong ``tol``.
    """
    demand = check_points(demand)
    _check(demand, graph, tol)
    demand = demand - demand.mean(axis=0)
    incidence = graph.incidence()

    def of(potential: np.ndarray) -> FlowLoad:
        price = float(graph.weights @ lengths(incidence @ potential))
        if not price > 0:
            return FlowLoad(0.0, np.zeros_like(demand))
        return FlowLoad(float(np.vdot(demand, potential)) / price, potential / price)

    best = of(demand)
    if start is not None:
        best = max(best, of(start - start.mean(axis=0)), key=lambda load: load.value)
    solution: Solution | None = None
    for _ in range(_STEPS):
        if not 0 < best.value <= enough:
            break
        # Slightly above the value: where all is 0 there, the value is the load within ``tol``.
        solution = solve(demand, graph, best.value * (1 + tol / 2), tol=_GAP, start=solution)
        found = of(_witness(solution))
        if not found.value > best.value:
            break
        best = found
    return best


def _witness(solution: Solution) -> np.ndarray:
    """The solution less its mean; 0 where all of it is fused."""
    points = solution.points_hat
    if len(solution.centroids) == 1:
        return np.zeros_like(points)
    centred: np.ndarray = points - points.mean(axis=0)
    return centred


def _check(demand: np.ndarray, graph: Graph, tol: float) -> None:
    if graph.n != len(demand):
        raise UserError(
            "demand and graph are not of one size",
            where=f"{len(demand)} demands, graph of {graph.n}",
            remedy="give the graph of the points of the cluster",
        )
    if graph.n > 1 and graph.components().any():
        raise UserError(
            "no flow joins the parts of a graph that is not connected",
            where=f"{int(graph.components().max()) + 1} parts of {graph.n} points",
            remedy="take one cluster at a time, whose own edges connect it",
        )
    if not (math.isfinite(tol) and 0 < tol < 1):
        raise UserError(
            "the accuracy of a load is relative",
            where=f"tol = {tol}",
            remedy="give a number in (0, 1), for example 1e-6",
        )
    left = np.abs(demand.sum(axis=0)).max()
    if left > _BALANCED * np.abs(demand).sum():
        raise UserError(
            "a flow carries a demand only that adds up to 0",
            where=f"sum of the demands up to {left:.3g}",
            remedy="subtract the mean of the demands",
        )
