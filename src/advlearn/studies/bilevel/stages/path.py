"""Stage bilevel_path: the clusterpath of one point set, and the gamma that is attacked."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from advlearn.data.clusterpath import Clusterpath, save_clusterpath
from advlearn.data.point_sets import Points, read_points
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.learners.convex import (
    Graph,
    Solution,
    VanishingWeightsWarning,
    knn_graph,
    solve,
    vanishing,
    vanishing_remedy,
)
from advlearn.studies.bilevel.partitions import choose, joined, sizes_of
from advlearn.studies.bilevel.settings.path import BilevelPathJob, GraphSettings
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.errors import UserError
from advlearn.support.io import write_csv
from advlearn.support.progress import Progress

COLUMNS = "dataset gamma n_clusters sizes joined ari_truth gap certified chosen seconds".split()
TRAJECTORY_COLUMNS = "dataset gamma point x y label".split()
_BISECTIONS = 6


def bilevel_path(
    *,
    data: Annotated[Path, typer.Option(help=".npz of the point set")],
    name: Annotated[str, typer.Option(help="name of the point set")],
    settings: Annotated[BilevelPathJob, typer.Option(parser=BilevelPathJob.from_json, help="JSON")],
    out: Annotated[Path, typer.Option(help=".csv to write, .npz and trajectories beside it")],
) -> None:
    """Solve convex clustering for gammas in equal ratios, each from the solution before.

    Attacked and certified is the gamma in the middle (on the logarithmic scale) of the longest
    stretch of the path with one and the same partition into as many clusters as there are classes;
    where no gamma gives as many, or no classes are known, of the longest stretch with a number in
    ``path.n_clusters``. Partitions whose smallest cluster holds less than ``path.smallest`` of the
    points split outliers off: they are passed over where any other has more than one cluster. Of
    partitions with as many clusters as classes, or a number in ``path.n_clusters``, those with
    edges between their clusters come first: components of the graph are not decided by gamma.

    Written: ``out``, one row a gamma (``sizes``: points of each cluster, largest first, as in
    100+50; ``joined``: edges between clusters; ``seconds`` are of the processor); NAME.npz with the
    graph (``edges`` (m, 2), ``weights`` (m,)), ``gammas`` (g,), ``labels`` (g, n), the row
    ``chosen``, its ``gamma`` and ``chosen_labels`` (n,); NAME.trajectories.csv, where every point
    is at each gamma in the plane of the first two principal components of the data (a header alone
    where the settings ask for none).

    Raises:
        UserError: the data are damaged, the weights of most points are nothing, or no gamma gives
            more than one cluster and fewer than n.
    """
    checkpoint = Checkpoint(out, __name__, (name, settings), (data,))
    points = read_points(data)
    graph = _graph(name, points.points, settings.graph)
    solver = PathSolver(points.points, graph, settings.path.tolerance, checkpoint)
    progress = Progress(f"bilevel_path {name}", settings.path.gammas, "gammas")
    for gamma in np.geomspace(*settings.path.range, settings.path.gammas).tolist():
        solver.step(gamma)
        progress.advance()
    stretch = choose(solver.labels, graph.edges, len(points.classes) or None, settings.path)
    if stretch is None:
        low, high = settings.path.range
        raise UserError(
            "no gamma gives more than one cluster and fewer than there are points",
            where=f"clusterpath of {name}, gamma {low:g} to {high:g}",
            remedy="widen bilevel.path.range, or take more bilevel.path.gammas",
        )
    chosen = solver.centre(*stretch)
    solutions, seconds = solver.solutions, solver.seconds
    rows = [
        {
            "dataset": name,
            "gamma": solution.gamma,
            "n_clusters": len(solution.centroids),
            "sizes": sizes_of(solution.labels),
            "joined": joined(solution.labels, graph.edges),
            "ari_truth": _ari(points, solution.labels),
            "gap": solution.gap,
            "certified": int(solution.certified),
            "chosen": int(number == chosen),
            "seconds": seconds[number],
        }
        for number, solution in enumerate(solutions)
    ]
    write_csv(out, pd.DataFrame(rows, columns=COLUMNS))
    gammas = np.array([solution.gamma for solution in solutions])
    clusterpath = Clusterpath(graph.edges, graph.weights, gammas, solver.labels, chosen)
    save_clusterpath(out.with_suffix(".npz"), clusterpath)
    shown = solutions if settings.trajectories else []
    write_csv(out.with_suffix(".trajectories.csv"), _trajectories(name, points, shown))
    checkpoint.finish()


def _graph(name: str, points: np.ndarray, settings: GraphSettings) -> Graph:
    with warnings.catch_warnings():
        # Here it is an error: what the later stages attack would be a clustering of single points.
        warnings.simplefilter("ignore", VanishingWeightsWarning)
        graph = knn_graph(points, settings.n_neighbors, settings.phi)
    share = vanishing(graph)
    if share > 0.5:
        neighbours = knn_graph(points, settings.n_neighbors, 0.0)
        raise UserError(
            f"the weights of the graph are nothing for {round(share * len(points))} of"
            f" {len(points)} points, which then are clusters of their own",
            where=f"point set {name}, keys 'bilevel.graph.phi', value {settings.phi:g}, and"
            " 'standardise' of a csv",
            remedy=vanishing_remedy(points, neighbours.edges),
        )
    return graph


class PathSolver:
    """Solutions by growing gamma, each with its processor time."""

    def __init__(
        self, points: np.ndarray, graph: Graph, tolerance: float, checkpoint: Checkpoint
    ) -> None:
        self.points, self.graph, self.tolerance = points, graph, tolerance
        self.checkpoint = checkpoint
        self.n_components = int(graph.components().max()) + 1
        self.solutions: list[Solution] = []
        self.seconds: list[float] = []

    @property
    def labels(self) -> np.ndarray:
        """The partition at each gamma, (g, n)."""
        return np.stack([solution.labels for solution in self.solutions])

    def step(self, gamma: float) -> None:
        """Solve for a gamma above all before it."""

        def solved() -> SavedState:
            started = time.process_time()
            found = self._solve(gamma, self.solutions[-1] if self.solutions else None)
            return {**vars(found), "seconds": time.process_time() - started}

        state = dict(self.checkpoint.once(f"gamma {gamma}", solved))
        self.seconds.append(state.pop("seconds"))
        self.solutions.append(Solution(**state))

    def centre(self, first: int, last: int) -> int:
        """Find the ends of the stretch of gammas with one partition, and solve at its centre.

        Args:
            first: row of the smallest gamma of the stretch that was solved.
            last: row of its largest gamma.

        Returns:
            The row of the centre: a new one, or the middle one of those that were there where the
            partition at the centre is another.
        """
        started = time.process_time()
        low = self._end(first, first - 1)
        high = self._end(last, last + 1)
        gamma = math.sqrt(low * high)
        row = sum(solution.gamma < gamma for solution in self.solutions)
        found = self._solve(gamma, self.solutions[row - 1] if row else None)
        middle = (first + last) // 2
        same = (found.labels == self.solutions[middle].labels).all()
        if not same or any(solution.gamma == gamma for solution in self.solutions):
            return middle
        self.solutions.insert(row, found)
        self.seconds.insert(row, time.process_time() - started)
        return row

    def _end(self, inside: int, outside: int) -> float:
        """The gamma at which the partition of row ``inside`` ends towards row ``outside``."""
        within = self.solutions[inside].gamma
        if not 0 <= outside < len(self.solutions):
            return within
        beyond = self.solutions[outside].gamma
        for _ in range(_BISECTIONS):
            gamma = math.sqrt(within * beyond)
            found = self._solve(gamma, self.solutions[inside])
            if (found.labels == self.solutions[inside].labels).all():
                within = gamma
            else:
                beyond = gamma
        return within

    def _solve(self, gamma: float, near: Solution | None) -> Solution:
        if (
            near
            and near.gamma <= gamma
            and near.certified
            and len(near.centroids) == self.n_components
        ):
            # All that is connected is fused, with proof. The same flow, which may now be larger,
            # proves it for every larger gamma.
            return replace(near, gamma=gamma)
        return solve(self.points, self.graph, gamma, tol=self.tolerance, start=near)


def _ari(points: Points, labels: np.ndarray) -> float | None:
    if points.truth is None:
        return None
    return 1.0 - DEVIATIONS["one_minus_ari"](points.truth, labels)


def _trajectories(name: str, data: Points, solutions: list[Solution]) -> pd.DataFrame:
    """Where each point is at each gamma, in the plane in which the data spread most."""
    centre = data.points.mean(axis=0)
    _, _, axes = np.linalg.svd(data.points - centre, full_matrices=False)
    plane = axes[:2]
    # The sign of a singular vector is arbitrary and may differ from library to library.
    plane = plane * np.sign(plane[np.arange(len(plane)), np.abs(plane).argmax(axis=1)])[:, None]
    frames: list[dict[str, Any]] = []
    for solution in solutions:
        moved = (solution.points_hat - centre) @ plane.T
        frames += [
            {
                "dataset": name,
                "gamma": solution.gamma,
                "point": number,
                "x": row[0],
                # One column gives a line.
                "y": row[1] if len(row) > 1 else 0.0,
                "label": int(solution.labels[number]),
            }
            for number, row in enumerate(moved)
        ]
    return pd.DataFrame(frames, columns=TRAJECTORY_COLUMNS)
