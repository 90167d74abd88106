"""Stage bilevel_blackbox: clusterers of which an attacker sees the labels alone, one point set."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from advlearn.attacks.clustering import build as build_attack
from advlearn.attacks.clustering.attacked_clustering import AttackedClustering
from advlearn.budgets.points import PerPoint
from advlearn.deviations.partitions import delta, matching_error, one_minus_ari
from advlearn.learners.partitioners import Partitioner, matched_partitioner
from advlearn.problem import BilevelProblem
from advlearn.studies.bilevel.own import own_victim
from advlearn.studies.bilevel.settings.attack import BilevelBlackboxJob
from advlearn.studies.bilevel.stages.attack import labels_only, load_attacked
from advlearn.support.checkpoint import Checkpoint, SavedState
from advlearn.support.codedigest import own_function_digest
from advlearn.support.io import write_csv
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed

COLUMNS = (
    "dataset seed source target method epsilon delta one_minus_ari matching_error reached queries"
).split()
SURROGATE = "convex"
NOBODY = "none"
"""Source of the noise, which was made on no clusterer."""


def bilevel_blackbox(
    *,
    data: Annotated[Path, typer.Option(help=".npz of the point set")],
    path: Annotated[Path, typer.Option(help=".npz of its clusterpath")],
    name: Annotated[str, typer.Option(help="name of the point set")],
    settings: Annotated[
        BilevelBlackboxJob, typer.Option(parser=BilevelBlackboxJob.from_json, help="JSON")
    ],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help=".csv to write")],
) -> None:
    """Attack every clusterer by its labels, and hand every perturbation to all the others.

    All perturbations are made within one radius a point, for the largest matching error. On each
    clusterer attacks see labels only; on convex clustering, the surrogate, white-box
    attacks are made as well, which cost the others no query. Random noise of the same radius
    (source ``none``) is the control. Each clusterer has as many clusters as convex clustering has,
    as far as it takes or finds that many, and is compared with its own clean labels.

    Written: one row a source, method and target. ``queries`` are the labellings of the source that
    were asked for, or the one of the target where the perturbation was made elsewhere; ``reached``
    says whether any label changed.

    Raises:
        UserError: a file is damaged, or the path is of other points.
    """
    own = [own_function_digest(each.function) for each in settings.blackbox.own.values()]
    checkpoint = Checkpoint(out, __name__, (name, settings, *own, seed), (data, path))
    attacker = BlackboxAttacker(name, load_attacked(data, path, settings.graph.phi), settings, seed)
    progress = Progress(f"bilevel_blackbox {name} seed {seed}", len(attacker.sources), "attacks")
    rows: list[dict[str, Any]] = []
    for source, method in attacker.sources:
        made = partial(attacker.saved_results, source, method)
        rows += [dict(row) for row in checkpoint.once(f"{source} {method}", made)["rows"]]
        progress.advance()
    write_csv(out, pd.DataFrame(rows, columns=COLUMNS))
    checkpoint.finish()


class BlackboxAttacker:
    """Perturbations of one point set by what an attacker sees of a clusterer, given to all."""

    def __init__(
        self, name: str, clustering: AttackedClustering, job: BilevelBlackboxJob, seed: int
    ) -> None:
        self.name, self.settings, self.seed = name, job.blackbox, seed
        self.points = clustering.points
        self.tau = self.settings.tau * clustering.unit
        convex = clustering.learner("recomputed")
        self.surrogate = self._problem(convex)
        count = len(np.unique(self.surrogate.before))
        self.clustering = clustering
        self.problems: dict[str, BilevelProblem[np.ndarray]] = {
            victim: self.surrogate
            if victim == SURROGATE
            else self._problem(self._victim(victim, count))
            for victim in self.settings.victims
        }

    @property
    def sources(self) -> list[tuple[str, str]]:
        """Source and method of every perturbation."""
        white = [(SURROGATE, method) for method in self.settings.surrogates]
        blind = [(victim, name) for victim in self.problems for name in self.settings.methods]
        return [*white, *blind, (NOBODY, "noise")]

    def results(self, source: str, method: str) -> Iterator[dict[str, Any]]:
        """What one perturbation does to every clusterer, one row each."""
        perturbation, queries = self._perturbation(source, method)
        for target, problem in self.problems.items():
            labels = problem.after(perturbation)
            yield {
                "dataset": self.name,
                "seed": self.seed,
                "source": source,
                "target": target,
                "method": method,
                "epsilon": problem.budget.size(perturbation),
                "delta": delta(problem.before, labels),
                "one_minus_ari": one_minus_ari(problem.before, labels),
                "matching_error": matching_error(problem.before, labels),
                "reached": int(delta(problem.before, labels) > 0),
                "queries": queries if target == source else 1,
            }

    def saved_results(self, source: str, method: str) -> SavedState:
        """The same, as a job that was killed finds them again."""
        return {"rows": list(self.results(source, method))}

    def _perturbation(self, source: str, method: str) -> tuple[np.ndarray, int]:
        seed = self._derive_seed(source, method)
        if source == NOBODY:
            generator = np.random.default_rng(seed)
            return PerPoint(self.tau).random(self.points.shape, generator), 0
        settings = self.settings
        given = labels_only(method, settings.generations, settings.zeroing)
        attack = build_attack(method, **given)
        # The surrogate exists even where it is not one of the victims.
        problem = self.surrogate if source == SURROGATE else self.problems[source]
        outcome = problem.max_effect(attack, seed=seed)
        return outcome.perturbation, outcome.queries

    def _problem(self, clusterer: Partitioner) -> BilevelProblem[np.ndarray]:
        return BilevelProblem(self.points, PerPoint(self.tau), matching_error, clusterer)

    def _victim(self, name: str, count: int) -> Partitioner:
        """A clusterer with as many clusters, as far as it takes or finds that many."""
        seed = self._derive_seed("victim")
        if own := self.settings.own.get(name):
            return own_victim(own, count, seed)
        if name == "resistant":
            return self.clustering.resistant(self.settings.outlying)
        return matched_partitioner(name, self.points, count, seed=seed)

    def _derive_seed(self, *parts: object) -> int:
        return derive_seed(self.seed, "bilevel_blackbox", self.name, *parts)
