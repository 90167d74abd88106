"""Stage bilevel_certify: what is proved about the clustering of one point set."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from advlearn.attacks.clustering import build
from advlearn.budgets.points import PerPoint
from advlearn.certificates import bound, electrical, modulus, radius, sun_toh_yuan, true_interval
from advlearn.certificates.radius import Method
from advlearn.data import clusterpath
from advlearn.data.clusterpath import Clusterpath
from advlearn.data.tabular import Points, read
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.learners.convex import (
    Graph,
    Solution,
    gaussian_graph,
    knn_graph,
    reweighted,
    solve,
    unit_graph,
)
from advlearn.learners.partitioners import ConvexPartitioner
from advlearn.problem import Attack, BilevelProblem
from advlearn.studies.bilevel.settings.attack import WEIGHTS, Weights
from advlearn.studies.bilevel.settings.certify import BilevelCertifyJob, CertifySettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.io import write_csv
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed

INTERVAL_COLUMNS = "dataset weights n d n_clusters bound low high".split()
SANDWICH_COLUMNS = "dataset weights gamma seed kind method epsilon".split()
CALMNESS_COLUMNS = "dataset weights seed direction size change bound modulus".split()
DEFENCE_COLUMNS = "dataset parameter value gamma radius n_clusters ari_truth chosen".split()

_EXACT = 1e-10
# Where nothing is certified, attacks begin at this share of the largest size and grow faster.
_FIRST = 1e-3
_GROWTH, _SEARCH = 1.6, 5.0
_SPAN = 1e4
_ATTACKS: dict[str, dict[str, int]] = {"merge": {"pairs": 1, "steps": 2}, "cut": {"steps": 2}}
"""Few steps: each costs a solution, and a radius is tried at every gamma."""


def bilevel_certify(
    *,
    data: Annotated[Path, typer.Option(help=".npz of the point set")],
    path: Annotated[Path, typer.Option(help=".npz of its clusterpath")],
    name: Annotated[str, typer.Option(help="name of the point set")],
    settings: Annotated[
        BilevelCertifyJob, typer.Option(parser=BilevelCertifyJob.from_json, help="JSON")
    ],
    out: Annotated[Path, typer.Option(help="interval.csv to write, the others beside it")],
) -> None:
    """Certify the clusterings along the path of one point set, and attack them.

    Written beside each other: interval.csv, for which gamma the chosen partition is certified and
    for which it is true, on the graph of the path and (small sets) on complete graphs;
    sandwich.csv, at some gammas the certified radius of each method, the smallest size at which
    an attack changed the partition (empty where none did) and the largest at which it did not
    (size: the longest move of a point); calmness.csv, how far solutions moved beside the bounds;
    defence.csv, the certified radius of other gammas, weights and graphs and their agreement with
    the truth, each weights and graph at its safest gamma (empty where none gives a few clusters).

    Raises:
        UserError: a file is damaged, or the path is of other points.
    """
    checkpoint = Checkpoint(out, __name__, (name, settings), (data, path))
    study = _Study.load(data, path, name, settings, checkpoint)
    steps = {
        "interval": (study.intervals, INTERVAL_COLUMNS),
        "sandwich": (study.sandwich, SANDWICH_COLUMNS),
        "calmness": (study.calmness, CALMNESS_COLUMNS),
        "defence": (study.defence, DEFENCE_COLUMNS),
    }
    progress = Progress(f"bilevel_certify {name}", len(steps), "tables")
    for kind, (make, columns) in steps.items():
        write_csv(out.with_name(f"{kind}{out.suffix}"), pd.DataFrame(make(), columns=columns))
        progress.advance()
    checkpoint.finish()


@dataclass(frozen=True, eq=False)
class _Clustering:
    """Convex clustering of the clean points in one setting, and its partition."""

    labels: np.ndarray
    """(n,)."""
    graph: Graph
    gamma: float
    phi: float


@dataclass(frozen=True, eq=False)
class _Study:
    name: str
    data: Points
    path: Clusterpath
    job: BilevelCertifyJob
    checkpoint: Checkpoint

    @classmethod
    def load(
        cls, data: Path, path: Path, name: str, job: BilevelCertifyJob, checkpoint: Checkpoint
    ) -> _Study:
        points = read(data)
        return cls(name, points, clusterpath.read(path, len(points.points)), job, checkpoint)

    def once(self, name: str, make: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """Rows of a table that are made once, whatever happens to the job."""
        return [dict(row) for row in self.checkpoint.once(name, lambda: {"rows": make()})["rows"]]

    @property
    def settings(self) -> CertifySettings:
        return self.job.certify

    @property
    def points(self) -> np.ndarray:
        return self.data.points

    @cached_property
    def graph(self) -> Graph:
        return Graph(len(self.points), self.path.edges, self.path.weights)

    def clustering(self, row: int) -> _Clustering:
        """What the path found at its gamma of that row."""
        gamma = float(self.path.gammas[row])
        return _Clustering(self.path.labels[row], self.graph, gamma, self.job.graph.phi)

    def picked(self, count: int) -> list[_Clustering]:
        """Clusterings of the path with few clusters, at most ``count`` and the chosen one."""
        rows = self.path.picked(count, self.settings.max_clusters)
        return [self.clustering(row) for row in rows]

    def intervals(self) -> list[dict[str, Any]]:
        n = len(self.points)
        labels = self.path.chosen_labels
        graphs: dict[str, tuple[Graph, float | None]] = {"knn": (self.graph, self.path.gamma)}
        if n <= self.settings.complete_up_to:
            graphs["unit"] = (unit_graph(n), None)
            graphs["gaussian"] = (gaussian_graph(self.points, self.job.graph.phi), None)
        return [
            row
            for weights, (graph, gamma) in graphs.items()
            for row in self.once(
                f"interval {weights}", partial(self._interval, labels, weights, graph, gamma)
            )
        ]

    def _interval(
        self, labels: np.ndarray, weights: str, graph: Graph, gamma: float | None
    ) -> list[dict[str, Any]]:
        n, d = self.points.shape
        found = {
            "sun_toh_yuan": sun_toh_yuan(self.points, labels, graph),
            "electrical": electrical(self.points, labels, graph, sweeps=0),
            "reweighted": electrical(self.points, labels, graph, sweeps=self.settings.sweeps),
        }
        sure = found["reweighted"]
        # On a complete graph nobody knows a gamma with this partition unless it is certified.
        if gamma is not None or sure.low < sure.high:
            found["true"] = true_interval(self.points, labels, graph, 1e-3, gamma=gamma, span=_SPAN)
        return [
            {
                "dataset": self.name,
                "weights": weights,
                "n": n,
                "d": d,
                "n_clusters": int(labels.max()) + 1,
                "bound": kind,
                "low": interval.low,
                "high": interval.high,
            }
            for kind, interval in found.items()
        ]

    def sandwich(self) -> list[dict[str, Any]]:
        return [
            row
            for clustering in self.picked(self.settings.gammas)
            for weights in WEIGHTS
            for row in self.once(
                f"sandwich {clustering.gamma} {weights}", partial(self._sizes, clustering, weights)
            )
        ]

    def _sizes(self, clustering: _Clustering, weights: Weights) -> list[dict[str, Any]]:
        gamma, seed = clustering.gamma, self.settings.seed
        certified = {
            method: self._radius(clustering, weights, method) for method in self.settings.methods
        }
        sizes: list[tuple[int | None, str, str, float | None]] = [
            (None, "certified", method, size) for method, size in certified.items()
        ]
        for method in self.settings.attacks:
            attacked, below = self._attacked(gamma, weights, method, max(certified.values()))
            sizes += [(seed, "attacked", method, attacked), (seed, "unchanged", method, below)]
        return [
            dict(zip(SANDWICH_COLUMNS, (self.name, weights, gamma, *cells), strict=True))
            for cells in sizes
        ]

    def calmness(self) -> list[dict[str, Any]]:
        gamma, phi = self.path.gamma, self.job.graph.phi
        clean = solve(self.points, self.graph, gamma, tol=_EXACT)
        rows = []
        for weights in WEIGHTS:
            steepest = modulus(self.points, self.graph, gamma, phi, weights)
            for direction, unit in self._directions(clean).items():
                rows += self.once(
                    f"calmness {weights} {direction}",
                    partial(self._moved, weights, direction, unit, clean, steepest),
                )
        return rows

    def _moved(
        self, weights: Weights, direction: str, unit: np.ndarray, clean: Solution, steepest: float
    ) -> list[dict[str, Any]]:
        gamma, phi = clean.gamma, self.job.graph.phi
        rows = []
        for size in np.geomspace(1e-3, 1.0, self.settings.calmness):
            moved = self.points + size * unit
            graph = reweighted(self.graph, moved, phi) if weights == "recomputed" else self.graph
            after = solve(moved, graph, gamma, tol=_EXACT)
            rows.append(
                {
                    "dataset": self.name,
                    "weights": weights,
                    "seed": self.settings.seed,
                    "direction": direction,
                    "size": float(np.linalg.norm(size * unit)),
                    "change": float(np.linalg.norm(after.points_hat - clean.points_hat)),
                    "bound": bound(self.points, moved, self.graph, gamma, phi, weights),
                    "modulus": steepest,
                }
            )
        return rows

    def defence(self) -> list[dict[str, Any]]:
        rows = [
            row
            for clustering in self.picked(self.settings.defence.gammas)
            for row in self.once(f"defence gamma {clustering.gamma}", partial(self._at, clustering))
        ]
        base, defence = self.job.graph, self.settings.defence
        for phi in defence.phis:
            graph = knn_graph(self.points, base.n_neighbors, phi)
            # An edge of length 1 keeps its pull gamma w: the gammas of one graph fit the other.
            factor = math.exp(phi - base.phi)
            make = partial(self._best, "phi", phi, graph, phi, factor)
            rows += self.once(f"defence phi {phi}", make)
        for k in defence.n_neighbors:
            graph = knn_graph(self.points, k, base.phi)
            factor = base.n_neighbors / k
            make = partial(self._best, "n_neighbors", float(k), graph, base.phi, factor)
            rows += self.once(f"defence n_neighbors {k}", make)
        for parameter in ("gamma", "phi", "n_neighbors"):
            here = [
                row for row in rows if row["parameter"] == parameter and row["radius"] is not None
            ]
            if here:
                max(here, key=lambda row: row["radius"])["chosen"] = 1
        return rows

    def _at(self, clustering: _Clustering) -> list[dict[str, Any]]:
        return [self._setting("gamma", clustering.gamma, clustering)]

    def _best(
        self, parameter: str, value: float, graph: Graph, phi: float, factor: float
    ) -> list[dict[str, Any]]:
        """The gamma of the largest radius on another graph; empty where none has few clusters."""
        rows = self.path.rows(self.settings.max_clusters)
        most = self.path.most_clusters(self.settings.max_clusters)
        lowest, highest = self.path.gammas[rows[0]] * factor, self.path.gammas[rows[-1]] * factor
        start: Solution | None = None
        found = []
        for gamma in np.geomspace(lowest, highest, self.settings.defence.gammas).tolist():
            start = solve(self.points, graph, gamma, tol=_EXACT, start=start)
            if 1 < len(start.centroids) <= most:
                clustering = _Clustering(start.labels, graph, gamma, phi)
                found.append(self._setting(parameter, value, clustering))
        # Without a row, a value that was tried in vain could not be told from a lost one.
        keys = {"dataset": self.name, "parameter": parameter, "value": value, "chosen": 0}
        nothing = {**dict.fromkeys(DEFENCE_COLUMNS), **keys}
        return [max(found, key=lambda row: row["radius"], default=nothing)]

    def _setting(self, parameter: str, value: float, clustering: _Clustering) -> dict[str, Any]:
        """One row of the defence table."""
        labels, truth = clustering.labels, self.data.truth
        return {
            "dataset": self.name,
            "parameter": parameter,
            "value": value,
            "gamma": clustering.gamma,
            "radius": self._radius(clustering, "recomputed", "exact_directions"),
            "n_clusters": int(labels.max()) + 1,
            "ari_truth": (
                None if truth is None else 1.0 - DEVIATIONS["one_minus_ari"](truth, labels)
            ),
            "chosen": 0,
        }

    def _radius(self, clustering: _Clustering, weights: Weights, method: Method) -> float:
        return radius(
            self.points,
            clustering.labels,
            clustering.graph,
            clustering.gamma,
            method=method,
            weights=weights,
            phi=clustering.phi,
            sweeps=self.settings.sweeps,
        ).value

    def _attacked(
        self, gamma: float, weights: Weights, method: str, certified: float
    ) -> tuple[float | None, float]:
        """Smallest size at which an attack changed the partition, largest at which it did not."""
        centre = self.points.mean(axis=0)
        largest = float(np.linalg.norm(self.points - centre, axis=1).max())
        largest = max(largest, 2 * certified) if math.isfinite(certified) else largest
        learner = ConvexPartitioner(
            self.graph, gamma, weights=weights, phi=self.job.graph.phi, tol=_EXACT
        )
        problem = BilevelProblem(self.points, PerPoint(largest), DEVIATIONS["delta"], learner)
        attack = build(method, **_ATTACKS.get(method, {}))
        return smallest_size(problem, attack, certified, largest, self.settings)

    def _directions(self, clean: Solution) -> dict[str, np.ndarray]:
        """Perturbations (n, d) whose longest row has length 1."""
        generator = np.random.default_rng(derive_seed(self.settings.seed, "calmness", self.name))
        noise = generator.standard_normal(self.points.shape)
        labels, centroids = clean.labels, clean.centroids
        merge, split = np.zeros_like(self.points), np.zeros_like(self.points)
        if len(centroids) > 1:
            apart = centroids[:, None] - centroids[None]
            distance = np.linalg.norm(apart, axis=2) + np.diag(np.full(len(centroids), np.inf))
            a, b = divmod(int(distance.argmin()), len(centroids))
            merge[labels == a], merge[labels == b] = -apart[a, b], apart[a, b]
        members = np.flatnonzero(labels == np.bincount(labels).argmax())
        own = self.points[members] - self.points[members].mean(axis=0)
        axis = np.linalg.svd(own, full_matrices=False)[2][0]
        split[members] = np.outer(np.sign(own @ axis), axis)
        found = {"noise": noise, "merge": merge, "split": split}
        lengths = {kind: float(np.linalg.norm(one, axis=1).max()) for kind, one in found.items()}
        return {kind: one / lengths[kind] for kind, one in found.items() if lengths[kind] > 0}


def smallest_size(
    problem: BilevelProblem[np.ndarray],
    attack: Attack,
    certified: float,
    largest: float,
    settings: CertifySettings,
) -> tuple[float | None, float]:
    """Bracket the size at which an attack first changes the partition.

    Begins just above the certified radius and grows until the attack succeeds, then halves the
    ratio of the two ends; each radius is left at its first success. Cheaper than
    `BilevelProblem.min_effort`, which knows no size below which all attacks fail.

    Returns:
        The smallest size with a change (none up to ``largest``), and the largest radius tried below
        it at which there was none (0 if there is none).
    """
    below, above = 0.0, math.inf
    step = 1 + settings.tolerance
    tau = certified * step if 0 < certified * step < largest else _FIRST * largest
    for _ in range(settings.rounds):
        size = _change(problem, attack, tau, settings.seed)
        if size is None:
            below = max(below, tau)
        else:
            above = min(above, size)
        if above <= max(below, certified) * step or below >= largest:
            break
        if math.isinf(above):
            tau = min(tau * (_GROWTH if certified > 0 else _SEARCH), largest)
        else:
            known = max(below, certified)
            tau = math.sqrt(known * above) if known > 0 else above / 4
    return (above if math.isfinite(above) else None), min(below, above)


def _change(
    problem: BilevelProblem[np.ndarray], attack: Attack, tau: float, seed: int
) -> float | None:
    """Size of the first candidate that changes the partition, none if none does."""
    generator = np.random.default_rng(derive_seed(seed, "certify", tau))
    for perturbation in attack.candidates(problem, tau, generator):
        if problem.effect(perturbation) > 0:
            return problem.budget.size(perturbation)
    return None
