"""Stage bilevel_certify: what is proved about the clustering of one point set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from advlearn.attacks.clustering.directions import learner_free_directions
from advlearn.certificates import (
    calmness_bound,
    calmness_modulus,
    electrical_interval,
    sun_toh_yuan_interval,
    true_interval,
)
from advlearn.certificates.safest import Clustering, safest_clustering
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
from advlearn.studies.bilevel.clusterings import TOLERANCE, Clusterings
from advlearn.studies.bilevel.sandwich import SANDWICH_COLUMNS, TRIAL_COLUMNS, Sandwich
from advlearn.studies.bilevel.settings.attack import WEIGHTS, Weights
from advlearn.studies.bilevel.settings.certify import BilevelCertifyJob
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.io import write_csv
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed

INTERVAL_COLUMNS = "dataset weights n d n_clusters bound low high".split()
CALMNESS_COLUMNS = "dataset weights seed direction size change bound modulus".split()
DEFENCE_COLUMNS = "dataset parameter value gamma radius n_clusters ari_truth chosen".split()

_SPAN = 1e4


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

    Written to one folder: interval.csv, for which gamma the chosen partition is certified and
    for which it is true, on the graph of the path and (small sets) on complete graphs;
    sandwich.csv, at some gammas the certified radius of each method, the smallest size at which
    an attack changed the partition (empty where none did) and the largest at which it did not
    (size: the longest move of a point), at the chosen gamma also of a victim who takes graph, scale
    and gamma anew; trials.csv, how many perturbations below the certified radius were tried, and
    how many changed the partition (by the proof none); calmness.csv, how far solutions moved and
    the bounds on it; defence.csv, the certified radius of other gammas, weights and graphs and
    their agreement with the truth, each weights and graph at its safest gamma (empty where none
    gives a few clusters).

    Raises:
        UserError: a file is damaged, or the path is of other points.
    """
    checkpoint = Checkpoint(out, __name__, (name, settings), (data, path))
    certifier = Certifier(data, path, name, settings, checkpoint)
    sandwich = Sandwich(data, path, name, settings, checkpoint)
    steps = {
        "interval": (certifier.intervals, INTERVAL_COLUMNS),
        "sandwich": (sandwich.sandwich, SANDWICH_COLUMNS),
        "trials": (sandwich.trials, TRIAL_COLUMNS),
        "calmness": (certifier.calmness, CALMNESS_COLUMNS),
        "defence": (Defender(data, path, name, settings, checkpoint).defence, DEFENCE_COLUMNS),
    }
    progress = Progress(f"bilevel_certify {name}", len(steps), "tables")
    for kind, (make, columns) in steps.items():
        write_csv(out.with_name(f"{kind}{out.suffix}"), pd.DataFrame(make(), columns=columns))
        progress.advance()
    checkpoint.finish()


class Certifier(Clusterings):
    """Certified gammas of the chosen partition, and how far solutions move."""

    def intervals(self) -> list[dict[str, Any]]:
        """For which gamma the chosen partition is certified and true, one row a graph and bound."""
        n = len(self.points)
        labels = self.path.chosen_labels
        graphs: dict[str, tuple[Graph, float | None]] = {"knn": (self.graph, self.path.gamma)}
        if n <= self.job.certify.complete_up_to:
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
            "sun_toh_yuan": sun_toh_yuan_interval(self.points, labels, graph),
            "electrical": electrical_interval(self.points, labels, graph, sweeps=0),
            "reweighted": electrical_interval(
                self.points, labels, graph, sweeps=self.job.certify.sweeps
            ),
        }
        sure = found["reweighted"]
        # On a complete graph no gamma with this partition is known unless one is certified.
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

    def calmness(self) -> list[dict[str, Any]]:
        """How far solutions move along fixed directions, and the bounds on it."""
        gamma, phi = self.path.gamma, self.job.graph.phi
        clean = solve(self.points, self.graph, gamma, tol=TOLERANCE)
        generator = np.random.default_rng(derive_seed(self.job.certify.seed, "calmness", self.name))
        directions = learner_free_directions(self.points, clean, generator)
        rows = []
        for weights in WEIGHTS:
            steepest = calmness_modulus(self.points, self.graph, gamma, phi, weights)
            for direction, unit in directions.items():
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
        for size in np.geomspace(1e-3, 1.0, self.job.certify.calmness):
            moved = self.points + size * unit
            graph = reweighted(self.graph, moved, phi) if weights == "recomputed" else self.graph
            after = solve(moved, graph, gamma, tol=TOLERANCE)
            rows.append(
                {
                    "dataset": self.name,
                    "weights": weights,
                    "seed": self.job.certify.seed,
                    "direction": direction,
                    "size": float(np.linalg.norm(size * unit)),
                    "change": float(np.linalg.norm(after.points_hat - clean.points_hat)),
                    "bound": calmness_bound(self.points, moved, self.graph, gamma, phi, weights),
                    "modulus": steepest,
                }
            )
        return rows


class Defender(Clusterings):
    """Certified radii of other gammas, weights and graphs."""

    def defence(self) -> list[dict[str, Any]]:
        """One row a setting; chosen is the one of the largest radius of each parameter."""
        base, defence = self.job.graph, self.job.certify.defence
        rows = []
        for clustering in self.spread_clusterings(defence.gammas):
            rows += self.once(f"defence gamma {clustering.gamma}", partial(self._at, clustering))
        for phi in defence.phis:
            # An edge of length 1 keeps its pull gamma w: the gammas of one graph fit the other.
            gammas = self._gammas(math.exp(phi - base.phi))
            make = partial(self._best, "phi", phi, base.n_neighbors, phi, gammas)
            rows += self.once(f"defence phi {phi}", make)
        for k in defence.n_neighbors:
            gammas = self._gammas(base.n_neighbors / k)
            make = partial(self._best, "n_neighbors", float(k), k, base.phi, gammas)
            rows += self.once(f"defence n_neighbors {k}", make)
        for parameter in ("gamma", "phi", "n_neighbors"):
            here = [
                row for row in rows if row["parameter"] == parameter and row["radius"] is not None
            ]
            if here:
                max(here, key=lambda row: row["radius"])["chosen"] = 1
        return rows

    def _gammas(self, factor: float) -> list[float]:
        """The gammas of the path with few clusters, for weights that are smaller by a factor."""
        rows = self.path.rows(self.job.certify.max_clusters)
        lowest, highest = self.path.gammas[rows[0]] * factor, self.path.gammas[rows[-1]] * factor
        gammas: list[float] = np.geomspace(
            lowest, highest, self.job.certify.defence.gammas
        ).tolist()
        return gammas

    def _at(self, clustering: Clustering) -> list[dict[str, Any]]:
        sweeps = self.job.certify.sweeps
        size = clustering.radius(self.points, "recomputed", "exact_directions", sweeps)
        return [self._row("gamma", clustering.gamma, clustering, size)]

    def _best(
        self, parameter: str, value: float, n_neighbors: int, phi: float, gammas: Sequence[float]
    ) -> list[dict[str, Any]]:
        """The gamma of the largest radius on another graph; empty where none has few clusters."""
        certify = self.job.certify
        found = safest_clustering(
            self.points,
            knn_graph(self.points, n_neighbors, phi),
            phi,
            gammas,
            most_clusters=self.path.most_clusters(certify.max_clusters),
            sweeps=certify.sweeps,
            tol=TOLERANCE,
        )
        # Without a row, a value that was tried in vain could not be told from a lost one.
        return [self._row(parameter, value, *(found or (None, None)))]

    def _row(
        self, parameter: str, value: float, clustering: Clustering | None, size: float | None
    ) -> dict[str, Any]:
        truth = self.data.truth
        agreement = (
            None
            if clustering is None or truth is None
            else 1.0 - DEVIATIONS["one_minus_ari"](truth, clustering.labels)
        )
        return {
            "dataset": self.name,
            "parameter": parameter,
            "value": value,
            "gamma": clustering.gamma if clustering else None,
            "radius": size,
            "n_clusters": clustering.n_clusters if clustering else None,
            "ari_truth": agreement,
            "chosen": 0,
        }
