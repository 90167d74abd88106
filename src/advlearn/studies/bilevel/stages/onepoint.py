"""Stage bilevel_onepoint: one changed digit, and how many others change their cluster with it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from sklearn.datasets import load_digits

from advlearn.attacks.clustering import build as build_attack
from advlearn.budgets.points import FewPoints
from advlearn.deviations.partitions import delta_squared, matching_error
from advlearn.learners.partitioners import build as build_partitioner
from advlearn.problem import Attack, BilevelProblem
from advlearn.studies.bilevel.settings.attack import OnepointSettings
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.io import write_csv
from advlearn.support.progress import Progress
from advlearn.support.seeds import derive_seed

COLUMNS = (
    "pair victim method seed n d misclustered delta_squared l0 l2 linf queries seconds"
).split()
METHODS = ("one_point", "noise")
_PIXELS = 16.0
# A pixel that rounding alone has moved has not been changed.
_CHANGED = 1e-9


def bilevel_onepoint(
    *,
    settings: Annotated[
        OnepointSettings, typer.Option(parser=OnepointSettings.from_json, help="JSON")
    ],
    out: Annotated[Path, typer.Option(help=".csv to write")],
) -> None:
    """Move one digit of a pair so that as many digits as possible change their cluster.

    Data: all of scikit-learn's digits of the two classes, raw pixels from 0 to 16, two clusters;
    the moved digit stays inside that range, and no further from its nearest other digit than most
    digits are. The attacker sees labels. Beside it, noise: as many random moves of one random digit
    by the whole radius, unbounded. ``misclustered`` is the number of digits, the moved one
    included, whose cluster is another after the best matching of clusters; l0, l2 and linf are
    norms of the move in pixels.
    """
    cases = [
        (pair, victim, method, seed)
        for pair in settings.pairs
        for victim in settings.victims
        for seed in settings.seeds
        for method in METHODS
    ]
    progress = Progress("bilevel_onepoint", len(cases), "attacks")
    checkpoint = Checkpoint(out, __name__, (settings,), ())
    rows = []
    for case in cases:
        rows.append(checkpoint.once(str(case), partial(_row, *case, settings)))
        progress.advance()
    write_csv(out, pd.DataFrame(rows, columns=COLUMNS))
    checkpoint.finish()


def _row(
    pair: tuple[int, int], victim: str, method: str, seed: int, settings: OnepointSettings
) -> dict[str, Any]:
    name = f"digits_{pair[0]}_{pair[1]}"
    images, digits = load_digits(return_X_y=True)
    points = np.asarray(images[np.isin(digits, pair)], dtype=np.float64)
    derived = derive_seed(seed, "bilevel_onepoint", name, victim)
    given = {} if victim == "ward" else {"seed": derived}
    problem = BilevelProblem(
        points,
        FewPoints(settings.radius, 1),
        matching_error,
        build_partitioner(victim, n_clusters=2, **given),
    )
    started = time.process_time()
    outcome = problem.max_effect(_attack(method, len(points), settings), seed=derived)
    seconds = time.process_time() - started
    labels = problem.learner(points + outcome.perturbation)
    move = outcome.perturbation[np.abs(outcome.perturbation).max(axis=1).argmax()]
    return {
        "pair": name,
        "victim": victim,
        "method": method,
        "seed": seed,
        "n": len(points),
        "d": points.shape[1],
        "misclustered": round(matching_error(problem.before, labels) * len(points)),
        "delta_squared": delta_squared(problem.before, labels),
        "l0": int((np.abs(move) > _CHANGED).sum()),
        "l2": float(np.linalg.norm(move)),
        "linf": float(np.abs(move).max()),
        "queries": outcome.queries,
        "seconds": seconds,
    }


def _attack(method: str, n: int, settings: OnepointSettings) -> Attack:
    points = min(settings.points, n)
    if method == "noise":
        draws = points * settings.directions * len(settings.lengths)
        return build_attack("noise", draws=draws)
    return build_attack(
        "one_point",
        points=points,
        directions=settings.directions,
        lengths=settings.lengths,
        low=0.0,
        high=_PIXELS,
        outliers=settings.outliers,
    )
