"""Convex clustering as a second-order cone program, solved by Clarabel (Goulart & Chen 2024).

    minimise   1/2 |X|^2 - <A, X> + gamma sum_e w_e t_e   subject to   |x_i - x_j| <= t_e

An interior-point step factorises one matrix with the sparsity of the graph: cheap in the plane,
where such graphs have small separators, and dear in many dimensions.
"""

from __future__ import annotations

import clarabel  # type: ignore[import-untyped]
import numpy as np
from scipy import sparse

from advlearn.learners.convex.graph import Graph


def interior_point(
    points: np.ndarray,
    graph: Graph,
    gamma: float,
    tol: float,
    masses: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Nearly optimal X (n, d) and Z (m, d), Z not yet projected, and the number of steps.

    Args:
        points: A, (n, d) finite, each component of the graph centred.
        graph: on n points, with at least one edge.
        gamma: penalty, > 0.
        tol: Clarabel's relative gap and feasibility.
        masses: weight of each point's squared distance, (n,), > 0; 1 by default.
    """
    n, d = points.shape
    size = float(np.abs(points).max()) or 1.0
    unknowns, edges = n * d, graph.m
    ends = graph.edges[:, :, None] * d + np.arange(d)
    # The cone of edge e has d + 1 rows: t_e, then x_i - x_j.
    first = np.arange(edges) * (d + 1)
    rows = first[:, None] + 1 + np.arange(d)
    entries = (
        (-np.ones(edges), first, unknowns + np.arange(edges)),
        (-np.ones(edges * d), rows.ravel(), ends[:, 0].ravel()),
        (np.ones(edges * d), rows.ravel(), ends[:, 1].ravel()),
    )
    data, row, column = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    shape = (edges * (d + 1), unknowns + edges)
    constraints = sparse.csc_matrix((data, (row, column)), shape=shape)
    weight = np.ones(unknowns) if masses is None else np.repeat(masses, d)
    squares = np.concatenate([weight, np.zeros(edges)])
    linear = np.concatenate([-weight * points.ravel(), gamma * graph.weights]) / size

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1  # the same result on every machine
    settings.tol_gap_rel = settings.tol_feas = tol
    # Values shrink with the square of the data's spread: only the relative gap says something.
    settings.tol_gap_abs = float(np.finfo(np.float64).tiny)
    # What refinement of each step would add, Newton adds better at the end (`sieve`).
    settings.iterative_refinement_enable = False
    cones = [clarabel.SecondOrderConeT(d + 1)] * edges
    found = clarabel.DefaultSolver(
        sparse.diags(squares).tocsc(), linear, constraints, np.zeros(shape[0]), cones, settings
    ).solve()
    multipliers = np.array(found.z).reshape(edges, d + 1)
    solution = size * np.array(found.x)[:unknowns].reshape(n, d)
    return solution, -size * multipliers[:, 1:], int(found.iterations)
