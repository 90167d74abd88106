"""Attacks on convex clustering: smallest perturbations, and largest effects within a budget."""

from __future__ import annotations

import pandas as pd

from advlearn.report.frames import ordered
from advlearn.report.table import OVER_SEEDS, Source, Table, group_rows
from advlearn.studies.bilevel.paper.by_metric import interval, long_format, means, metrics_of
from advlearn.studies.bilevel.paper.labels import BUDGETS, DATASETS, FORMS, METHODS, WEIGHTS
from advlearn.studies.bilevel.paper.words import SAY
from advlearn.studies.bilevel.schema import BilevelTidy

KEYS = ["form", "dataset", "weights", "budget", "target", "method"]
METRICS = ("epsilon", "delta", "matching_error", "queries", "seconds")
"""What is averaged over the seeds in which the attack reached its target."""
CHANGE = "first change"
"""Target of a min-effort attack: any other partition."""
_COUNTS = ("reached", "seeds")


def measure(tidy: BilevelTidy) -> pd.DataFrame:
    """Means over the seeds, one row an attack and metric.

    Returns:
        `KEYS`, metric, mean, ci_low, ci_high, n (seeds behind the mean), reached (seeds in which
        the target was reached) and seeds. Attacks that never reached their target stay, with
        the metric ``reached`` alone.
    """
    tries, hits = _long(tidy)
    flags = tries[tries["metric"] == "reached"]
    shares = flags.groupby([*KEYS, "metric"], sort=True)["value"]
    counts = shares.agg(reached="sum", seeds="count", mean="mean").reset_index()
    numbers = means(hits[hits["metric"] != "reached"], KEYS).merge(
        counts.drop(columns=["metric", "mean"]), on=KEYS
    )
    rows = pd.concat([numbers, counts.assign(n=counts["seeds"])], ignore_index=True)
    return ordered(
        rows.astype({"reached": int, "seeds": int, "n": int}),
        [*KEYS, "metric"],
        form=list(FORMS),
        dataset=DATASETS.order(rows["dataset"]),
        target=_targets(rows["target"]),
        method=list(METHODS),
        metric=["reached", *METRICS],
    )


def build(tidy: BilevelTidy) -> Table:
    """One row an attack; one group a form of the problem, data set and attacker."""
    frame = measure(tidy)
    tries, hits = _long(tidy)
    return Table(
        title="Attacks on convex clustering",
        caption=SAY.attacks_caption(len(tidy.study.seeds)),
        frame=frame,
        columns=[
            *("budget", "target", "method", "reached"),
            *("ε", "δ", "matching error", "queries", "seconds"),
        ],
        groups=group_rows(frame, KEYS[:3], _title, KEYS[3:], _row),
        notes=[SAY.no_published(), SAY.attackers(), SAY.judged_exactly()],
        wide=True,
        keys=[*KEYS, "metric"],
        how=f"{OVER_SEEDS}; over the seeds in which the target was reached",
        sources=[
            Source("bilevel_attacks", hits, columns=lambda column: column not in _COUNTS),
            # Every seed counts, also one that missed the target.
            Source("bilevel_attacks", tries, columns=lambda column: column in _COUNTS, keys=KEYS),
        ],
    )


def _long(tidy: BilevelTidy) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What every try gave, and what those gave that reached their target; both with the flag.

    A max-effect attack has no target to miss: its empty flag counts as reached.
    """
    frame = tidy["bilevel_attacks"]
    reached = frame["reached"].fillna(1.0)
    tries = long_format(frame.assign(reached=reached), KEYS, ["reached", *METRICS])
    return tries, tries[(tries["metric"] == "reached") | (reached[tries.index] > 0).to_numpy()]


def _targets(present: pd.Series) -> list[str]:
    """The targets once each: any change first, then numbers by size."""
    numbers = pd.to_numeric(present, errors="coerce").fillna(-1.0)
    return list(present.iloc[numbers.argsort(kind="stable")].unique())


def _title(form: str, dataset: str, weights: str) -> str:
    return f"{DATASETS(dataset)}, {WEIGHTS(weights)}: {FORMS(form)}"


def _row(cells: pd.DataFrame, budget: str, target: str, method: str) -> list[str]:
    found = metrics_of(cells)
    return [
        BUDGETS(budget),
        _target(str(cells["form"].iloc[0]), target),
        METHODS(method),
        f"{found['reached']['reached']} of {found['reached']['seeds']}",
        *(interval(found.get(name)) for name in METRICS),
    ]


def _target(form: str, target: str) -> str:
    if form == "max_effect":
        return f"τ = {target}"
    try:
        return f"matching error ≥ {float(target):g}"
    except ValueError:
        return target.replace("_", " ") or CHANGE
