"""Convex clustering against CVXPY with Clarabel: the same problem, at least the same relative gap.

Graphs of the 10 nearest neighbours, Gaussian weights, coordinates in units of the median edge.
Case ``plane``: ten overlapping clouds; case ``digits``: the images of 1 and 4 of scikit-learn's
digits; case ``large``: ours alone. All times are CPU time of one thread. Ours ends with a proof of
the partition where it finds one (``certified``), which the peer does not give.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from advlearn.learners.convex import Graph, Solution, knn_graph, solve
from benchmarks import common

GAP = 1e-8


def in_units(points: np.ndarray) -> np.ndarray:
    """Divided by the root of the median squared length of the edges, so that phi = 0.5 fits."""
    edges = knn_graph(points, 10, 0.0).edges
    squares = np.square(points[edges[:, 0]] - points[edges[:, 1]]).sum(axis=1)
    scaled: np.ndarray = points / np.sqrt(np.median(squares))
    return scaled


def plane(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(10, 2))[rng.integers(10, size=n)] * 3
    return in_units(centres + rng.normal(size=(n, 2)))


def digits() -> np.ndarray:
    images, truth = load_digits(return_X_y=True)
    return in_units(images[np.isin(truth, (1, 4))] / 16)


def peer(points: np.ndarray, graph: Graph, gamma: float) -> float:
    """The objective that CVXPY and Clarabel reach at the asked gap."""
    import cvxpy

    x = cvxpy.Variable(points.shape)
    distances = cvxpy.norm(graph.incidence() @ x, 2, axis=1)
    penalty = gamma * cvxpy.sum(cvxpy.multiply(graph.weights, distances))
    problem = cvxpy.Problem(cvxpy.Minimize(0.5 * cvxpy.sum_squares(x - points) + penalty))
    problem.solve(solver="CLARABEL", tol_gap_rel=GAP, tol_gap_abs=1e-12, tol_feas=1e-8)
    return float(problem.value)


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    found = function()
    return time.process_time() - started, found


def compare(case: str, points: np.ndarray, gamma: float, rounds: int) -> dict[str, Any]:
    """Both sides in turn; medians of ``rounds``."""
    graph = knn_graph(points)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        used, found = seconds(lambda: solve(points, graph, gamma, tol=GAP))
        ours.append(used)
        used, value = seconds(lambda: peer(points, graph, gamma))
        theirs.append(used)
    return {
        **row(case, points, graph, gamma, found),
        "ours_s": float(np.median(ours)),
        "peer_s": float(np.median(theirs)),
        "ratio": float(np.median(theirs) / np.median(ours)),
        "rounds": rounds,
        "peer_excess": value / found.objective - 1,
    }


def row(
    case: str, points: np.ndarray, graph: Graph, gamma: float, found: Solution
) -> dict[str, Any]:
    return {
        "benchmark": "convex",
        "case": case,
        "n": len(points),
        "dimensions": points.shape[1],
        "edges": graph.m,
        "gamma": gamma,
        "clusters": int(found.labels.max()) + 1,
        "gap": found.gap,
        "certified": int(found.certified),
        "solver": found.solver,
    }


def measure_large(n: int, gamma: float) -> None:
    """Solve ``n`` points in this process and print the row as JSON."""
    points = plane(n)
    graph = knn_graph(points)
    solve(points[:100], knn_graph(points[:100]), gamma)
    before = common.reset_peak()
    used, found = seconds(lambda: solve(points, graph, gamma, tol=GAP))
    grown = common.peak_mb() - before
    measured = {"ours_s": used, "grown_mb": grown, "bytes_an_edge": grown * 1e6 / graph.m}
    print(json.dumps({**row("large", points, graph, gamma, found), **measured}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--points", type=int, nargs="*", default=[1000, 1500, 2000, 5000, 10_000], metavar="N"
    )
    parser.add_argument("--large", type=int, nargs="*", default=[25_000, 50_000, 100_000])
    parser.add_argument("--gammas", type=float, nargs="+", default=[0.5, 5.0, 50.0])
    parser.add_argument("--digits-gammas", type=float, nargs="*", default=[1.0, 5.0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/convex.csv"))
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with threadpool_limits(1):
        if options.measure is not None:
            measure_large(options.measure, 5.0)
            return
        machine = common.machine("clarabel", "cvxpy", "numpy", "scipy")
        load = os.getloadavg()[0]
        rows = []
        for n in options.points:
            rows += [compare("plane", plane(n), gamma, options.rounds) for gamma in options.gammas]
        for gamma in options.digits_gammas:
            rows.append(compare("digits", digits(), gamma, 1))
        for n in options.large:
            rows.append(common.in_subprocess("benchmarks.convex", "--measure", str(n)))
    common.write([{**each, "load": load, **machine} for each in rows], options.out)


if __name__ == "__main__":
    main()
