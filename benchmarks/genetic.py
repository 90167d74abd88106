"""The genetic attack beside the published procedure: how far each moves a partition.

Ours differs from Cinà, Torcinovich and Pelillo (Pattern Recognition 122, 2022) in three ways, which
``advlearn.attacks.clustering.genetic`` names. Here both have as many generations, the same ball and
the same victims, seed by seed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist
from sklearn.datasets import make_blobs

from advlearn.attacks.clustering.common import (
    Problem,
    best_and_smallest,
    cluster_means,
    nearest_pairs,
)
from advlearn.attacks.clustering.genetic import Genetic
from advlearn.budgets.points import LInf
from advlearn.data.point_sets import make_points
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.learners.partitioners import build
from advlearn.problem import BilevelProblem
from advlearn.report.intervals import over_seeds
from advlearn.settings.points import BundledSettings, DigitsSettings
from benchmarks import common

GENERATIONS = 110
SHARES = (0.5, 1.0)
"""Radii of the ball: how far a point moves if all its coordinates move by the radius, by half the
distance of the two nearest means."""
VICTIMS: dict[str, dict[str, Any]] = {"kmeans": {"seed": 0, "starts": 5}, "ward": {}}


@dataclass(frozen=True)
class Published(Genetic):
    """One victim cluster, one population, a random first mask from which all others descend."""

    def candidates(
        self, problem: Problem, tau: float, generator: np.random.Generator
    ) -> Iterator[np.ndarray]:
        """As of `Genetic`."""
        found = cluster_means(problem.data, problem.before)
        pair = nearest_pairs(found.means, found.sizes, 1)[0]
        if generator.random() < 0.5:
            pair = pair[::-1]
        one = self._population(problem, found, *pair, tau)
        one.masks[0] = generator.uniform(0, tau, one.masks[0].shape)
        tried: list[tuple[float, np.ndarray]] = []
        for number in range(self.generations):
            if number:
                one.masks.append(self._descendant(one, tau, generator))
            moved = one.perturbation(problem.data.shape)
            effect = problem.effect(moved)
            rows = np.count_nonzero(moved.any(axis=1)) / len(moved)
            one.scores.append(effect - self.price * rows * float(np.abs(moved).max()) / tau)
            tried.append((effect, moved))
        yield from best_and_smallest(problem, tried)


def points_of() -> dict[str, tuple[np.ndarray, int]]:
    """Points and number of clusters of each data set, by name."""
    neighbours = 10  # as study 3 scales them
    blobs, _ = make_blobs(150, 10, centers=3, cluster_std=2.0, center_box=(-4, 4), random_state=0)
    return {
        "blobs, ten dimensions": (blobs, 3),
        "digits 8 and 9": (make_points(DigitsSettings(classes=(8, 9)), neighbours).points, 2),
        "digits 1 and 4": (make_points(DigitsSettings(classes=(1, 4)), neighbours).points, 2),
        "wine": (make_points(BundledSettings(name="wine"), neighbours).points, 3),
    }


def compared(
    points: np.ndarray, clusters: int, victim: str, share: float, seeds: range
) -> pd.DataFrame:
    """Delta over its largest value, of both attacks: columns seed, ours, published."""
    learner: Callable[[np.ndarray], np.ndarray] = build(
        victim, n_clusters=clusters, **VICTIMS[victim]
    )
    names = learner(points)
    means = np.stack([points[names == name].mean(axis=0) for name in range(clusters)])
    n, d = points.shape
    radius = share * float(pdist(means).min()) / 2 / np.sqrt(d)
    largest = np.sqrt(n * (n - 1))
    rows = []
    for seed in seeds:
        row: dict[str, float] = {"seed": seed}
        for name, attack in (
            ("ours", Genetic(generations=GENERATIONS)),
            ("published", Published(generations=GENERATIONS)),
        ):
            problem = BilevelProblem(points, LInf(radius), DEVIATIONS["delta"], learner)
            made = attack.candidates(problem, radius, np.random.default_rng(seed))
            row[name] = max(problem.effect(each) for each in made) / largest
        rows.append(row)
    return pd.DataFrame(rows)


def summarised(frame: pd.DataFrame) -> dict[str, Any]:
    """Means over the seeds, and their difference with its 95 % interval."""
    frame = frame.assign(all="all", gain=frame["ours"] - frame["published"])
    found = over_seeds(frame, ["all"], "gain").iloc[0]
    return {
        "ours": frame["ours"].mean(),
        "published": frame["published"].mean(),
        "gain": found["mean"],
        "gain_low": found["ci_low"],
        "gain_high": found["ci_high"],
        "rounds": len(frame),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20, help="seeds, 0 and on; 2 or more")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/genetic.csv"))
    options = parser.parse_args()

    about = {
        "benchmark": "genetic",
        "generations": GENERATIONS,
        **common.machine("scikit-learn", "numpy"),
    }
    rows = []
    for name, (points, clusters) in points_of().items():
        for victim, share in product(VICTIMS, SHARES):
            row = summarised(compared(points, clusters, victim, share, range(options.rounds)))
            print(f"{name}, {victim}, {share}: {row['gain']:+.3f}", file=sys.stderr)
            rows.append({"case": name, "victim": victim, "radius": share, **row, **about})
    common.write(rows, options.out)


if __name__ == "__main__":
    main()
