"""Linear classifiers whose training points were moved or labels flipped."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import ordered
from advlearn.report.intervals import BOUNDS
from advlearn.report.numbers import ABSENT
from advlearn.report.table import OVER_SEEDS, Group, Source, Table, group_rows
from advlearn.studies.bilevel.paper.by_metric import interval, long_format, means, metrics_of
from advlearn.studies.bilevel.paper.labels import DATASETS, LEARNERS, METHODS
from advlearn.studies.bilevel.paper.words import SAY
from advlearn.studies.bilevel.schema import BilevelTidy
from advlearn.studies.bilevel.settings.poison import FLIPS, MOVES

KEYS = ["dataset", "learner", "budget", "target", "method"]
METRICS = ("loss_before", "loss_after", "error_before", "error_after", "size", "queries")
_COLUMNS = [*KEYS, "metric", *BOUNDS, "n"]
_HEADER = ["budget", "method", "loss before", "after", "error before", "after", "trainings"]
_SHOWN = ("loss_before", "loss_after", "error_before", "error_after", "queries")


def measure(tidy: BilevelTidy) -> pd.DataFrame:
    """Means over the seeds, one row a classifier, budget, method and metric."""
    result = means(_long(tidy), KEYS)
    return ordered(
        result,
        [*KEYS, "metric"],
        dataset=DATASETS.order(result["dataset"]),
        learner=list(LEARNERS),
        budget=["per_point", "labels"],
        method=[*MOVES, *FLIPS],
        metric=METRICS,
    )


def build(tidy: BilevelTidy) -> Table:
    """One group a data set and classifier, one row a budget and method.

    A run that poisoned no classifier has a row a data set, without numbers.
    """
    if ran := len(tidy["bilevel_poisoning"]) > 0:
        frame = measure(tidy)
        blocks = group_rows(frame, KEYS[:2], _title, KEYS[2:], _row)
    else:
        names = DATASETS.order(tidy.study.datasets)
        nothing = dict.fromkeys([*KEYS[1:], "metric"], "none")
        frame = pd.DataFrame({"dataset": names, **nothing}).reindex(columns=_COLUMNS)
        frame = frame.assign(n=0)
        blocks = [Group(DATASETS(name), [[ABSENT] * len(_HEADER)]) for name in names]
    return Table(
        title="Poisoned classifiers",
        caption=SAY.poisoning_caption(len(tidy.study.seeds)),
        frame=frame,
        columns=_HEADER,
        groups=blocks,
        notes=[*([] if ran else [SAY.no_poisoning()]), SAY.no_published()],
        wide=True,
        keys=[*KEYS, "metric"],
        how=OVER_SEEDS,
        sources=[Source("bilevel_poisoning", _long(tidy))],
    )


def _long(tidy: BilevelTidy) -> pd.DataFrame:
    return long_format(tidy["bilevel_poisoning"], KEYS, METRICS)


def _title(dataset: str, learner: str) -> str:
    return f"{DATASETS(dataset)}, {LEARNERS(learner)}"


def _row(cells: pd.DataFrame, budget: str, target: str, method: str) -> list[str]:
    found = metrics_of(cells)
    size = f"τ = {target}" if budget == "per_point" else f"{100 * float(target):g} % of the labels"
    return [size, METHODS(method), *(interval(found.get(name)) for name in _SHOWN)]
