"""Stage bilevel_attack: attacks on the convex clustering of one point set, one seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from advlearn.attacks.clustering import CombinedAttack
from advlearn.attacks.clustering import build as build_attack
from advlearn.attacks.clustering.attacked_clustering import AttackedClustering, build_budget
from advlearn.attacks.clustering.directions import change_directions
from advlearn.attacks.clustering.search import min_efforts
from advlearn.data import clusterpath
from advlearn.data.point_sets import read_points
from advlearn.deviations.partitions import DEVIATIONS, delta, matching_error
from advlearn.learners.convex import Graph
from advlearn.learners.partitioners import Weights
from advlearn.problem import Attack, BilevelProblem
from advlearn.studies.bilevel.own import own_attack
from advlearn.studies.bilevel.settings.attack import BilevelAttackJob
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.codedigest import own_function_digest
from advlearn.support.io import write_csv
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed

COLUMNS = (
    "dataset weights seed form budget target method epsilon reached delta matching_error n_clusters"
    " queries seconds"
).split()
STAIRCASE_COLUMNS = "dataset seed direction curve tau deviation value n_clusters".split()
FIRST_CHANGE = "first change"


def bilevel_attack(
    *,
    data: Annotated[Path, typer.Option(help=".npz of the point set")],
    path: Annotated[Path, typer.Option(help=".npz of its clusterpath")],
    name: Annotated[str, typer.Option(help="name of the point set")],
    settings: Annotated[
        BilevelAttackJob, typer.Option(parser=BilevelAttackJob.from_json, help="JSON")
    ],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help=".csv to write, .staircase.csv beside it")],
) -> None:
    """Attack one clustering in both forms of the bilevel problem, and draw the staircase.

    Written: ``out``, one row an attack. Min effort (budget per point): epsilon is the size of the
    smallest perturbation that reached the target, a matching error or any change at all; empty
    where none did up to the largest radius, and then delta and matching_error are the largest that
    were seen. Max effect: target is the radius of the budget, epsilon the size of the perturbation
    with the largest matching error. Every value is that of the exact solution. ``queries`` are the
    clusterings that were asked for, ``seconds`` processor time; what several targets of one attack
    share is in each of their rows.

    SEED.staircase.csv: every deviation along fixed directions and of the value function v(tau),
    where each deviation has its own supremum over all perturbations seen; weights recomputed
    unless the settings leave these out.

    Raises:
        UserError: a file is damaged, or the path is of other points.
    """
    own = [own_function_digest(each.function) for each in settings.attack.own.values()]
    checkpoint = Checkpoint(out, __name__, (name, settings, *own, seed), (data, path))
    attacker = Attacker(name, load_attacked(data, path, settings.graph.phi), settings, seed)
    attack = settings.attack
    steps = len(attack.weights) * len(attack.methods) + 1
    progress = Progress(f"bilevel_attack {name} seed {seed}", steps, "attacks")
    rows: list[dict[str, Any]] = []
    for weights in attack.weights:
        for method in attack.methods:
            makers = {
                "min effort": partial(attacker.min_effort, weights, method),
                **{
                    f"max effect {kind}": partial(attacker.max_effect, weights, method, kind)
                    for kind in attack.budgets
                },
            }
            for form, make in makers.items():
                rows += checkpoint.once(f"{weights} {method} {form}", partial(_as_state, make))[
                    "rows"
                ]
            progress.advance()
    write_csv(out, pd.DataFrame(rows, columns=COLUMNS))
    curves = checkpoint.once("staircase", partial(_as_state, attacker.staircase))["rows"]
    write_csv(out.with_suffix(".staircase.csv"), pd.DataFrame(curves, columns=STAIRCASE_COLUMNS))
    progress.advance()
    checkpoint.finish()


def _as_state(rows: Callable[[], Iterator[dict[str, Any]]]) -> SavedState:
    """Rows as a checkpoint saves them."""
    return {"rows": list(rows())}


def load_attacked(data: Path, path: Path, phi: float) -> AttackedClustering:
    """The clustering that is attacked: points and the gamma that the clusterpath chose.

    Raises:
        UserError: a file is damaged, or the path is of other points.
    """
    points = read_points(data).points
    found = clusterpath.read_clusterpath(path, len(points))
    graph = Graph(len(points), found.edges, found.weights)
    return AttackedClustering(points, graph, found.gamma, phi)


def labels_only(method: str, queries: int, zeroing: float) -> dict[str, Any]:
    """Settings of the attacks that search by labels alone; nothing for the others."""
    given: dict[str, dict[str, Any]] = {
        "genetic": {"generations": queries, "zeroing": zeroing},
        "cma_es": {"queries": queries},
    }
    return given.get(method, {})


@dataclass(frozen=True, eq=False)
class Attacker:
    """Attacks on the clustering of one point set with one seed."""

    name: str
    clustering: AttackedClustering
    job: BilevelAttackJob
    seed: int

    def min_effort(self, weights: Weights, method: str) -> Iterator[dict[str, Any]]:
        """One row a target."""
        attack = self.job.attack
        largest = attack.largest * self.clustering.unit
        problem = self._problem(weights, "per_point", largest)
        n = len(self.clustering.points)
        targets = {FIRST_CHANGE: 1 / n, **{f"{share:g}": share for share in attack.targets}}
        found = min_efforts(
            problem,
            self._attack(method),
            # A share of 3 of 30 points must count as 0.1, however it is rounded.
            [value - 1e-9 for value in targets.values()],
            [largest * 0.5**power for power in range(attack.radii)][::-1],
            tolerance=attack.tolerance,
            seed=self._derive_seed("min_effort", weights, method),
        )
        for target, effort in zip(targets, found, strict=True):
            yield {
                **self._keys(weights, method, "min_effort", "per_point", target),
                "epsilon": effort.size if effort.reached else None,
                "reached": int(effort.reached),
                **self._change(problem, effort.perturbation),
                "queries": effort.queries,
                "seconds": effort.seconds,
            }

    def max_effect(self, weights: Weights, method: str, kind: str) -> Iterator[dict[str, Any]]:
        """One row a radius of a budget; there is no target to be missed, so reached is empty."""
        for tau in self.job.attack.taus:
            problem = self._problem(weights, kind, tau * self.clustering.unit)
            started = time.process_time()
            outcome = problem.max_effect(
                self._attack(method), seed=self._derive_seed("max_effect", weights, method, kind)
            )
            seconds = time.process_time() - started
            target = f"{problem.budget.epsilon:.4g}"
            yield {
                **self._keys(weights, method, "max_effect", kind, target),
                "epsilon": outcome.size,
                "reached": None,
                **self._change(problem, outcome.perturbation),
                "queries": outcome.queries,
                "seconds": seconds,
            }

    def staircase(self) -> Iterator[dict[str, Any]]:
        """Deviations along fixed directions, and the value function of each deviation."""
        weights = self._curve_weights
        problem = self._problem(weights, "per_point", 1.0)
        largest = self.job.attack.largest * self.clustering.unit
        taus = np.linspace(0, largest, self.job.attack.staircase)
        generator = np.random.default_rng(self._derive_seed("directions"))
        directions = change_directions(problem, generator)
        sizes, partitions = [0.0], [problem.before]
        for direction, unit in directions.items():
            for tau in taus:
                labels = problem.after(tau * unit)
                sizes.append(float(tau))
                partitions.append(labels)
                for kind in DEVIATIONS:
                    yield self._curve_row(direction, "fixed", tau, kind, problem.before, labels)
        attack = CombinedAttack(
            [self._attack(method) for method in ("noise", "merge", "cut", "transfer")]
        )
        for tau in taus[1:]:
            generator = np.random.default_rng(self._derive_seed("staircase", float(tau)))
            for perturbation in attack.candidates(problem, float(tau), generator):
                partitions.append(problem.after(perturbation))
                # Rounding must not carry a perturbation past the radius it was made for.
                sizes.append(min(problem.budget.size(perturbation), float(tau)))
        for kind, deviation in DEVIATIONS.items():
            values = np.array([deviation(problem.before, labels) for labels in partitions])
            for tau in taus:
                inside = np.flatnonzero(np.array(sizes) <= tau)
                best = partitions[inside[int(values[inside].argmax())]]
                yield self._curve_row("value", "value", tau, kind, problem.before, best)

    @property
    def _curve_weights(self) -> Weights:
        weights: Sequence[Weights] = self.job.attack.weights
        return "recomputed" if "recomputed" in weights else "fixed"

    def _problem(self, weights: Weights, kind: str, tau: float) -> BilevelProblem[np.ndarray]:
        points = self.clustering.points
        n, d = points.shape
        return BilevelProblem(
            points,
            build_budget(kind, tau, (n, d)),
            matching_error,
            self.clustering.learner(weights),
        )

    def _attack(self, method: str) -> Attack:
        if own := self.job.attack.own.get(method):
            return own_attack(own)
        attack = self.job.attack
        return build_attack(method, **labels_only(method, attack.generations, attack.zeroing))

    def _derive_seed(self, *parts: object) -> int:
        return derive_seed(self.seed, "bilevel_attack", self.name, *parts)

    def _keys(self, weights: str, method: str, form: str, kind: str, target: str) -> dict[str, Any]:
        return {
            "dataset": self.name,
            "weights": weights,
            "seed": self.seed,
            "form": form,
            "budget": kind,
            "target": target,
            "method": method,
        }

    def _change(
        self, problem: BilevelProblem[np.ndarray], perturbation: np.ndarray
    ) -> dict[str, Any]:
        """What the perturbation does; asked of the learner itself, so that it is no query."""
        labels = problem.learner(problem.data + perturbation)
        return {
            "delta": delta(problem.before, labels),
            "matching_error": matching_error(problem.before, labels),
            "n_clusters": len(np.unique(labels)),
        }

    def _curve_row(
        self,
        direction: str,
        curve: str,
        tau: float,
        deviation: str,
        before: np.ndarray,
        after: np.ndarray,
    ) -> dict[str, Any]:
        return {
            "dataset": self.name,
            "seed": self.seed,
            "direction": direction,
            "curve": curve,
            "tau": float(tau),
            "deviation": deviation,
            "value": DEVIATIONS[deviation](before, after),
            "n_clusters": len(np.unique(after)),
        }
