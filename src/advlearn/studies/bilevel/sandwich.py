"""Certified radii from below, attacks from above, and attacks below the radius as a check."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Self

import numpy as np

from advlearn.attacks.clustering import FixedDirections, HandedOver
from advlearn.attacks.clustering import build as build_attack
from advlearn.attacks.clustering.bracket import Bracket, smallest_change
from advlearn.attacks.clustering.common import Problem
from advlearn.budgets.points import PerPoint
from advlearn.certificates.safest import Clustering
from advlearn.data.point_sets import median_edge
from advlearn.deviations.partitions import DEVIATIONS
from advlearn.learners.convex import Solution, knn_graph, solve
from advlearn.learners.partitioners import ConvexPartitioner
from advlearn.problem import Attack, BilevelProblem
from advlearn.studies.bilevel.clusterings import TOLERANCE, Clusterings
from advlearn.studies.bilevel.partitions import choose
from advlearn.studies.bilevel.settings.attack import WEIGHTS, Weights
from advlearn.studies.bilevel.settings.certify import REBUILT, WORST, BilevelCertifyJob
from advlearn.support.seeds import derive_seed

SANDWICH_COLUMNS = "dataset weights gamma seed kind method epsilon".split()
TRIAL_COLUMNS = "dataset weights gamma share method seed radius tries changed largest".split()

_ATTACKS: dict[str, dict[str, Any]] = {"merge": {"pairs": 1, "steps": 2}}
"""Few steps: each costs a solution, and a radius is tried at every gamma."""
_TRIED = _ATTACKS | {
    "smoothed": {"widths": (0.25,)},
    "transfer": {"pairs": 1},
    "genetic": {"generations": 10},
    "cma_es": {"queries": 10},
    "one_point": {"points": 2, "directions": 2, "lengths": (1.0,)},
}
"""The same below the radius, where each asks for some ten solutions at most."""
_NEAR = 10.0
"""How far the gamma of a victim who chooses anew may lie from the old one, as a factor."""


class Sandwich(Clusterings):
    """Between which sizes of a perturbation the clusterings of the path first change."""

    def sandwich(self) -> list[dict[str, Any]]:
        """Certified radii and sizes of attacks at some gammas of the path."""
        rows = [row for part in self._parts for row in part["sizes"]]
        if self.job.certify.rebuilt:
            rows += self.once(f"sandwich {REBUILT}", self._rebuilt)
        return rows

    def trials(self) -> list[dict[str, Any]]:
        """What attacks below the certified radii did: no partition may change."""
        return [row for part in self._parts for row in part["trials"]]

    @cached_property
    def _parts(self) -> list[dict[str, list[dict[str, Any]]]]:
        return [
            self.checkpoint.once(
                f"sandwich {clustering.gamma} {weights}",
                partial(self._sizes, clustering, weights),
            )
            for clustering in self.spread_clusterings(self.job.certify.gammas)
            for weights in WEIGHTS
        ]

    def _sizes(self, clustering: Clustering, weights: Weights) -> dict[str, Any]:
        certify = self.job.certify
        certified = {
            method: clustering.radius(self.points, weights, method, certify.sweeps)
            for method in certify.methods
        }
        best = max(certified.values())
        largest = self._largest(best)
        problem = self._problem(clustering, weights, largest)
        found: dict[str, Bracket] = {
            method: self._smallest(problem, _build(method), best, largest)
            for method in certify.attacks
        }
        cells: list[tuple[int | None, str, str, float | None]] = [
            (None, "certified", method, size) for method, size in certified.items()
        ]
        cells += _attacked(certify.seed, found)
        line = (self.name, weights, clustering.gamma)
        return {
            "sizes": [_row(SANDWICH_COLUMNS, *line, *cell) for cell in cells],
            "trials": [
                _row(TRIAL_COLUMNS, *line, *cell) for cell in self._trials(problem, best, found)
            ],
        }

    def _trials(
        self, problem: Problem, certified: float, found: dict[str, Bracket]
    ) -> list[tuple[float, str, int, float, int, int, float]]:
        """Attacks at shares of the certified radius, one cell a share and attack."""
        if not 0 < certified < math.inf:
            return []
        certify = self.job.certify
        attacks: dict[str, Attack] = {
            method: build_attack(method, **_TRIED.get(method, {})) for method in certify.tried
        }
        attacks["noise"] = build_attack("noise", draws=certify.draws)
        worst = [each.perturbation for each in found.values() if each.perturbation is not None]
        if worst:
            attacks[WORST] = FixedDirections(worst)
        cells = []
        for method, attack in attacks.items():
            # One problem for all shares: attacks keep what they know of it.
            watched = Watched.of(problem)
            for share in certify.shares:
                watched.tried.clear()
                seed = derive_seed(certify.seed, "trials", share, method)
                generator = np.random.default_rng(seed)
                for each in attack.candidates(watched, share * certified, generator):
                    watched.effect(each)
                tried = watched.tried.values()
                largest = max((size for size, _ in tried), default=0.0) / certified
                changed = sum(effect > 0 for _, effect in tried)
                cells.append((share, method, certify.seed, certified, len(tried), changed, largest))
        return sorted(cells, key=lambda cell: certify.shares.index(cell[0]))

    def _rebuilt(self) -> list[dict[str, Any]]:
        """The smallest attacks on a victim who follows the clusterpath of what it is given."""
        path = self.path
        clustering = Clustering(path.chosen_labels, self.graph, path.gamma, self.job.graph.phi)
        largest = self._largest(0.0)
        known = self._problem(clustering, "recomputed", largest)
        near = path.gammas[np.abs(np.log(path.gammas / path.gamma)) <= math.log(_NEAR)]
        victim = Rebuilder(self.job, near, len(self.data.classes) or None)
        problem: Problem = BilevelProblem(
            self.points, PerPoint(largest), DEVIATIONS["delta"], victim
        )
        found: dict[str, Bracket] = {
            method: self._smallest(problem, HandedOver(_build(method), known), 0.0, largest)
            for method in self.job.certify.attacks
        }
        return [
            _row(SANDWICH_COLUMNS, self.name, REBUILT, path.gamma, *cell)
            for cell in _attacked(self.job.certify.seed, found)
        ]

    def _largest(self, certified: float) -> float:
        """The largest size that attacks try: every point could move to the middle."""
        centre = self.points.mean(axis=0)
        largest = float(np.linalg.norm(self.points - centre, axis=1).max())
        return max(largest, 2 * certified) if math.isfinite(certified) else largest

    def _problem(self, clustering: Clustering, weights: Weights, largest: float) -> Problem:
        learner = ConvexPartitioner(
            self.graph, clustering.gamma, weights=weights, phi=clustering.phi, tol=TOLERANCE
        )
        return BilevelProblem(self.points, PerPoint(largest), DEVIATIONS["delta"], learner)

    def _smallest(
        self, problem: Problem, attack: Attack, certified: float, largest: float
    ) -> Bracket:
        certify = self.job.certify
        return smallest_change(
            problem,
            attack,
            certified,
            largest,
            rounds=certify.rounds,
            tolerance=certify.tolerance,
            seed=certify.seed,
        )


@dataclass(eq=False)
class Watched(BilevelProblem[np.ndarray]):
    """A problem that remembers what it was asked; the same perturbation is judged once.

    Attributes:
        tried: size and effect of each perturbation, by its bytes.
    """

    tried: dict[bytes, tuple[float, float]] = field(default_factory=dict, init=False)

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """The same problem, of which nothing has been asked yet."""
        return cls(problem.data, problem.budget, problem.deviation, problem.learner, problem.before)

    def effect(self, perturbation: np.ndarray) -> float:
        """As of any problem."""
        key = perturbation.tobytes()
        if key not in self.tried:
            self.tried[key] = self.budget.size(perturbation), super().effect(perturbation)
        return self.tried[key][1]


class Rebuilder:
    """A victim who does with any points what the study did with the clean ones.

    Scale, graph and gamma are taken anew: the points are divided by the median length of their
    edges, and the partition is the one in the middle of the chosen stretch of the clusterpath.

    Args:
        job: settings of graph and clusterpath.
        gammas: ascending penalties of the path.
        n_classes: number of clusters wanted, or none.
    """

    def __init__(self, job: BilevelCertifyJob, gammas: np.ndarray, n_classes: int | None) -> None:
        self.job, self.gammas, self.n_classes = job, gammas, n_classes

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Labels (n,) of points (n, d); one cluster where no gamma gives a partition."""
        settings = self.job.graph
        scaled = points / (median_edge(points, settings.n_neighbors) or 1.0)
        graph = knn_graph(scaled, settings.n_neighbors, settings.phi)
        start: Solution | None = None
        labels = []
        for gamma in self.gammas.tolist():
            start = solve(scaled, graph, gamma, tol=self.job.path.tolerance, start=start)
            labels.append(start.labels)
        stretch = choose(np.stack(labels), graph.edges, self.n_classes, self.job.path)
        if stretch is None:
            return np.zeros(len(points), dtype=np.int64)
        return labels[sum(stretch) // 2]


def _build(method: str) -> Attack:
    return build_attack(method, **_ATTACKS.get(method, {}))


def _attacked(
    seed: int, found: dict[str, Bracket]
) -> list[tuple[int | None, str, str, float | None]]:
    """Cells seed, kind, method and size of the ends of each attack's bracket."""
    return [
        cell
        for method, bracket in found.items()
        for cell in (
            (seed, "attacked", method, bracket.changed),
            (seed, "unchanged", method, bracket.unchanged),
        )
    ]


def _row(columns: list[str], *cells: Any) -> dict[str, Any]:
    return dict(zip(columns, cells, strict=True))
