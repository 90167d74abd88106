"""Stage bilevel_poison: linear classifiers whose training data an attacker changes, one seed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from advlearn.attacks.label_flipping import GreedyFlips, flipping_problem
from advlearn.attacks.poisoning import HypergradientAscent, LinearTask
from advlearn.budgets.points import PerPoint
from advlearn.data.point_sets import Points, read_points
from advlearn.learners.linear import LinearLearner, predict
from advlearn.learners.logistic import LOGISTIC
from advlearn.learners.svm import SVM
from advlearn.problem import Attack, BilevelProblem
from advlearn.studies.bilevel.settings.poison import BilevelPoisonJob, Learner
from advlearn.support.io import write_csv
from advlearn.support.seeds import derive_seed

COLUMNS = (
    "dataset learner seed budget target method n d size loss_before loss_after error_before"
    " error_after queries seconds"
).split()
LEARNERS: dict[Learner, LinearLearner] = {"logistic": LOGISTIC, "svm": SVM}


def bilevel_poison(
    *,
    data: Annotated[Path, typer.Option(help=".npz of the point set")],
    name: Annotated[str, typer.Option(help="name of the point set")],
    settings: Annotated[
        BilevelPoisonJob, typer.Option(parser=BilevelPoisonJob.from_json, help="JSON")
    ],
    seed: Annotated[int, typer.Option(help="run seed")],
    out: Annotated[Path, typer.Option(help=".csv to write")],
) -> None:
    """Move training points or flip training labels, so that the loss on other points grows.

    The two largest classes of the point set are told apart; half of each is for training, drawn by
    the seed, and the attacker is judged by the other half. Each attack has a control of the same
    budget: one random perturbation of the same size, as many random flips.

    Written: one row a learner, budget and method; n and d of the training points, ``size`` of the
    perturbation (the longest move of a point, or the number of flips), mean loss and share of
    errors on the other half before and after, and ``queries``, the trainings asked for. A point set
    without known classes gives a header alone.

    Raises:
        UserError: the data are damaged, or a class is too small to be halved.
    """
    points = read_points(data)
    rows: list[dict[str, Any]] = []
    if points.truth is not None and len(points.classes) > 1:
        poisoner = Poisoner(name, points, settings, seed)
        rows = [row for learner in settings.poison.learners for row in poisoner.rows(learner)]
    write_csv(out, pd.DataFrame(rows, columns=COLUMNS))


@dataclass(frozen=True, eq=False)
class Poisoner:
    """Attacks on the training data of classifiers of one point set with one seed."""

    name: str
    points: Points
    job: BilevelPoisonJob
    seed: int

    def task(self, learner: Learner) -> LinearTask:
        """The two largest classes, halved."""
        data, truth = self.points.points, self.points.truth
        assert truth is not None
        labels, counts = np.unique(truth, return_counts=True)
        # The same halves for all learners and methods.
        generator = np.random.default_rng(self._derive_seed("halves"))
        train, validation = [], []
        for label in sorted(labels[np.argsort(-counts, kind="stable")[:2]]):
            members = generator.permutation(np.flatnonzero(truth == label))
            train.append(members[: (len(members) + 1) // 2])
            validation.append(members[(len(members) + 1) // 2 :])
        first, second = (np.concatenate(each) for each in (train, validation))
        higher = float(max(truth[first]))
        return LinearTask(
            data[first],
            (truth[first] == higher).astype(float),
            data[second],
            (truth[second] == higher).astype(float),
            self.job.poison.penalty,
            LEARNERS[learner],
        )

    def rows(self, learner: Learner) -> Iterator[dict[str, Any]]:
        """One row a budget and method."""
        task, poison = self.task(learner), self.job.poison
        ascent = HypergradientAscent(task, poison.steps, poison.restarts)
        for tau in poison.taus:
            moving = task.problem(PerPoint(tau))
            yield from self._pair(
                learner, task, moving, "per_point", tau, {"hypergradient": ascent, "noise": None}
            )
        for share in poison.flips:
            flipping = flipping_problem(task, max(1, round(share * len(task.targets))))
            greedy = GreedyFlips(task, poison.shortlist)
            yield from self._pair(
                learner, task, flipping, "labels", share, {"flips": greedy, "random_flips": None}
            )

    def _pair(
        self,
        learner: Learner,
        task: LinearTask,
        problem: BilevelProblem[np.ndarray],
        budget: str,
        target: float,
        methods: dict[str, Attack | None],
    ) -> Iterator[dict[str, Any]]:
        for method, attack in methods.items():
            seed = self._derive_seed(learner, budget, target, method)
            started, asked = time.process_time(), problem.queries
            if attack is None:
                generator = np.random.default_rng(seed)
                change = problem.budget.random(problem.data.shape, generator)
                after = problem.after(change)
            else:
                outcome = problem.max_effect(attack, seed=seed)
                change = outcome.perturbation
                after = problem.learner(problem.perturb(problem.data.copy(), change))
            yield {
                "dataset": self.name,
                "learner": learner,
                "seed": self.seed,
                "budget": budget,
                "target": f"{target:g}",
                "method": method,
                "n": len(task.points),
                "d": task.points.shape[1],
                "size": problem.budget.size(change),
                "loss_before": task.loss(problem.before),
                "loss_after": task.loss(after),
                "error_before": _error(task, problem.before),
                "error_after": _error(task, after),
                "queries": problem.queries - asked,
                "seconds": time.process_time() - started,
            }

    def _derive_seed(self, *parts: object) -> int:
        return derive_seed(self.seed, "bilevel_poison", self.name, *parts)


def _error(task: LinearTask, theta: np.ndarray) -> float:
    wrong = predict(task.validation_points, theta) != task.validation_targets
    return float(wrong.mean())
