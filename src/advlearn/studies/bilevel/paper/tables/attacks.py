"""Attacks on convex clustering: smallest perturbations, and largest effects within a budget."""

from __future__ import annotations

from typing import Any

import pandas as pd

from advlearn.report.frames import groups, ordered, records
from advlearn.report.numbers import format_significant, significant_interval
from advlearn.report.table import Group, Table
from advlearn.studies.bilevel.paper.common import (
    BUDGET_LABELS,
    CHANGE,
    DATASET_LABELS,
    FORM_LABELS,
    METHOD_LABELS,
    METHODS,
    NO_PUBLISHED,
    WEIGHTS_LABELS,
    datasets,
    label,
    means,
    named,
    seeds_text,
    unit_text,
)
from advlearn.studies.bilevel.paper.schema import BilevelTidy

KEYS = ["form", "dataset", "weights", "budget", "target", "method"]
METRICS = ("epsilon", "delta", "matching_error", "queries", "seconds")
"""What is averaged over the seeds in which the attack reached its target."""


def measure(tidy: BilevelTidy) -> pd.DataFrame:
    """Means over the seeds, one row an attack and metric.

    A max-effect attack has no target to miss: its empty flag counts as reached.

    Returns:
        `KEYS`, metric, mean, ci_low, ci_high, n (seeds behind the mean), reached (seeds in which
        the target was reached) and seeds. Attacks that never reached their target stay, with
        the metric ``reached`` alone.
    """
    frame = tidy["bilevel_attacks"]
    frame = frame.assign(reached=frame["reached"].fillna(1.0))
    counts = named(frame, KEYS).groupby(KEYS, sort=True)["reached"]
    shares = counts.agg(reached="sum", seeds="count", mean="mean").reset_index()
    hits = means(frame[frame["reached"] > 0], KEYS, METRICS)
    hits = hits.merge(shares.drop(columns="mean"), on=KEYS)
    rows = pd.concat(
        [hits, shares.assign(metric="reached", n=shares["seeds"])], ignore_index=True
    ).astype({"reached": int, "seeds": int, "n": int})
    return ordered(
        rows,
        [*KEYS, "metric"],
        form=list(FORM_LABELS),
        dataset=datasets(rows["dataset"]),
        target=_targets(rows["target"]),
        method=METHODS,
        metric=["reached", *METRICS],
    )


def build(tidy: BilevelTidy) -> Table:
    """One row an attack; one group a form of the problem, data set and attacker.

    Raises:
        UserError: the tidy table is missing, has no rows or is damaged.
    """
    frame = measure(tidy)
    blocks = []
    for (form, dataset, weights), part in groups(frame, ["form", "dataset", "weights"]):
        rows = [
            [
                label(BUDGET_LABELS, budget),
                _target(str(form), str(target)),
                label(METHOD_LABELS, method),
                *_numbers(cells),
            ]
            for (budget, target, method), cells in groups(part, ["budget", "target", "method"])
        ]
        blocks.append(
            Group(
                f"{label(DATASET_LABELS, dataset)}, {label(WEIGHTS_LABELS, weights)}:"
                f" {label(FORM_LABELS, form)}",
                rows,
            )
        )
    return Table(
        title="Attacks on convex clustering",
        caption=(
            "Smallest perturbation that reaches a target (any other partition, or a matching error"
            " of at least the value given), and largest effect within a budget τ. ε: size of the"
            " perturbation in the norm of the budget; δ: delta-measure between the partitions"
            " before and after; matching error: share of points moved, clusters matched; queries:"
            " clusterings computed; seconds: processor time. All are means over the seeds in which"
            f" the target was reached. {seeds_text(tidy)} {unit_text()}"
        ),
        frame=frame,
        columns=[
            *("budget", "target", "method", "reached"),
            *("ε", "δ", "matching error", "queries", "seconds"),
        ],
        groups=blocks,
        notes=[
            NO_PUBLISHED,
            "Fixed weights: the attacker moves the points, the weights stay those of the clean"
            " data. Recomputed weights: they follow the points, on the graph of the clean data.",
            "Every perturbation was judged by the exact solver; means of attacks that reach their"
            " target on different seeds do not compare like with like. Seconds differ from run to"
            " run.",
        ],
        wide=True,
    )


def _targets(present: pd.Series) -> list[str]:
    """The targets once each: any change first, then numbers by size."""
    numbers = pd.to_numeric(present, errors="coerce").fillna(-1.0)
    return list(present.iloc[numbers.argsort(kind="stable")].unique())


def _target(form: str, target: str) -> str:
    if form == "max_effect":
        return f"τ = {target}"
    try:
        return f"matching error ≥ {float(target):g}"
    except ValueError:
        return target.replace("_", " ") or CHANGE


def _numbers(cells: pd.DataFrame) -> list[str]:
    found = {str(row["metric"]): row for row in records(cells)}
    share = found["reached"]
    return [f"{share['reached']} of {share['seeds']}", *(_cell(found.get(m)) for m in METRICS)]


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return format_significant(float("nan"))
    return significant_interval(float(row["mean"]), float(row["ci_low"]), float(row["ci_high"]))
