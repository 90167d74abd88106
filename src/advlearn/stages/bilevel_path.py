"""Stage bilevel_path: the clusterpath of one point set, and the gamma that is attacked."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from advlearn.data.tabular import Points, read
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.learners.convex import Solution, knn_graph, solve
from advlearn.settings.bilevel_data import BilevelPathJob, PathSettings
from advlearn.support.errors import UserError
from advlearn.support.io import write_csv, write_npz
from advlearn.support.progress import Progress

COLUMNS = "dataset gamma n_clusters ari_truth gap certified chosen seconds".split()
TRAJECTORY_COLUMNS = "dataset gamma point x y label".split()


def bilevel_path(
    *,
    data: Annotated[Path, typer.Option(help=".npz of the point set")],
    name: Annotated[str, typer.Option(help="name of the point set")],
    settings: Annotated[BilevelPathJob, typer.Option(parser=BilevelPathJob.from_json, help="JSON")],
    out: Annotated[Path, typer.Option(help=".csv to write, .npz and trajectories beside it")],
) -> None:
    """Solve convex clustering for gammas in equal ratios, each from the solution before.

    Attacked and certified is the gamma in the middle of the longest stretch of the path with one
    and the same partition into as many clusters as there are classes; where no gamma gives as many,
    or no classes are known, of the longest stretch with a number in ``path.n_clusters``.

    Written: ``out``, one row a gamma (``seconds`` are of the processor); NAME.npz with the graph
    (``edges`` (m, 2), ``weights`` (m,)), ``gammas`` (g,), ``labels`` (g, n), the row ``chosen``,
    its ``gamma`` and ``chosen_labels`` (n,); NAME.trajectories.csv, where every point is at each
    gamma in the plane of the first two principal components of the data (a header alone where
    the settings ask for none).

    Raises:
        UserError: the data are damaged, or no gamma gives more than one cluster and fewer than n.
    """
    points = read(data)
    graph = knn_graph(points.points, settings.graph.n_neighbors, settings.graph.phi)
    gammas = _gammas(settings.path)
    progress = Progress(f"bilevel_path {name}", len(gammas), "gammas")
    solutions: list[Solution] = []
    seconds: list[float] = []
    n_components = int(graph.components().max()) + 1
    for gamma in gammas.tolist():
        started = time.process_time()
        previous = solutions[-1] if solutions else None
        if previous and previous.certified and len(previous.centroids) == n_components:
            # All that is connected is fused, with proof. The same flow, which may now be larger,
            # proves it for every larger gamma.
            solutions.append(replace(previous, gamma=gamma))
        else:
            solutions.append(
                solve(points.points, graph, gamma, tol=settings.path.tolerance, start=previous)
            )
        seconds.append(time.process_time() - started)
        progress.advance()
    labels = np.stack([solution.labels for solution in solutions])
    chosen = choose(labels, len(points.classes) or None, settings.path.n_clusters)
    if chosen is None:
        raise UserError(
            "no gamma gives more than one cluster and fewer than there are points",
            where=f"clusterpath of {name}, gamma {gammas[0]:g} to {gammas[-1]:g}",
            remedy="widen bilevel.path.smallest and bilevel.path.largest, or take more gammas",
        )
    rows = [
        {
            "dataset": name,
            "gamma": solution.gamma,
            "n_clusters": len(solution.centroids),
            "ari_truth": _ari(points, solution.labels),
            "gap": solution.gap,
            "certified": int(solution.certified),
            "chosen": int(number == chosen),
            "seconds": seconds[number],
        }
        for number, solution in enumerate(solutions)
    ]
    write_csv(out, pd.DataFrame(rows, columns=COLUMNS))
    write_npz(
        out.with_suffix(".npz"),
        {
            "edges": graph.edges,
            "weights": graph.weights,
            "gammas": gammas,
            "labels": labels,
            "chosen": np.array(chosen),
            "gamma": np.array(gammas[chosen]),
            "chosen_labels": labels[chosen],
        },
    )
    shown = solutions if settings.trajectories else []
    write_csv(out.with_suffix(".trajectories.csv"), _trajectories(name, points, shown))


def choose(labels: np.ndarray, n_classes: int | None, n_clusters: tuple[int, int]) -> int | None:
    """The middle of the longest run of equal rows with the wanted number of clusters.

    Args:
        labels: (g, n) one partition a gamma, clusters numbered by first point.
        n_classes: number of clusters wanted, or none.
        n_clusters: fewest and most where there is no gamma with the wanted number.

    Returns:
        A row, the first of the longest runs if several are as long; none when every row is one
        cluster or n.
    """
    n = labels.shape[1]
    runs: list[tuple[int, int, int]] = []
    start = 0
    for _, group in groupby(row.tobytes() for row in np.ascontiguousarray(labels)):
        length = sum(1 for _ in group)
        runs.append((int(labels[start].max()) + 1, start, length))
        start += length
    wanted = [run for run in runs if run[0] == n_classes and 1 < run[0] < n]
    low, high = max(n_clusters[0], 2), min(n_clusters[1], n - 1)
    wanted = wanted or [run for run in runs if low <= run[0] <= high]
    wanted = wanted or [run for run in runs if 1 < run[0] < n]
    if not wanted:
        return None
    _, first, length = max(wanted, key=lambda run: run[2])
    return first + (length - 1) // 2


def _gammas(path: PathSettings) -> np.ndarray:
    return np.geomspace(path.smallest, path.largest, path.gammas)


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
