"""Intervals of gamma in which a partition is certified, beside the true one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from advlearn.report.frames import groups, ordered, records
from advlearn.report.numbers import format_significant
from advlearn.report.table import Group, Table
from advlearn.studies.bilevel.paper.common import (
    BOUND_LABELS,
    BOUNDS,
    DATASET_LABELS,
    DERIVED,
    NO_PUBLISHED,
    WEIGHTS_LABELS,
    datasets,
    in_order,
    label,
)
from advlearn.studies.bilevel.paper.schema import BilevelTidy

_KEYS = ["dataset", "weights", "n", "d", "n_clusters"]


def measure(tidy: BilevelTidy) -> pd.DataFrame:
    """The rows of ``bilevel_intervals.csv`` with what they certify.

    Returns:
        The rows in the order of the table, with certifies (``yes`` where low < high) and ratio
        (low divided by the true low; missing where either is missing or the true low is 0).
    """
    frame = tidy["bilevel_intervals"]
    true = frame[frame["bound"] == "true"].set_index(_KEYS)["low"].rename("true_low")
    frame = frame.merge(true, on=_KEYS, how="left")
    known = frame["true_low"].where(frame["true_low"] > 0)
    certifies = pd.Series(np.where(frame["low"] < frame["high"], "yes", "no"), index=frame.index)
    frame = frame.assign(
        certifies=certifies.where(frame["low"].notna() & frame["high"].notna()),
        ratio=frame["low"] / known,
    ).drop(columns="true_low")
    return ordered(
        frame,
        ["weights", "dataset", "n_clusters", "bound"],
        dataset=datasets(frame["dataset"]),
        bound=BOUNDS,
    )


def build(tidy: BilevelTidy) -> Table:
    """One row a data set and partition; one group a kind of weights.

    Raises:
        UserError: the tidy table is missing, has no rows or is damaged.
    """
    frame = measure(tidy)
    bounds = in_order(frame["bound"], BOUNDS)
    proved = [name for name in bounds if name != "true"]
    blocks = []
    for (weights,), part in groups(frame, ["weights"]):
        rows = []
        for (dataset, n, d, count), cells in groups(part, ["dataset", "n", "d", "n_clusters"]):
            found = {str(row["bound"]): row for row in records(cells)}
            known = [found[name] for name in proved if name in found]
            best = min((float(row["low"]) for row in known), default=float("nan"))
            highs = [float(row["high"]) for row in known if not pd.isna(row["high"])]
            rows.append(
                [
                    label(DATASET_LABELS, dataset),
                    *(str(int(value)) for value in (n, d, count)),
                    *(_low(found, name) for name in bounds),
                    format_significant(max(highs, default=float("nan"))),
                    *([_high(found)] if "true" in bounds else []),
                    "yes" if highs and best < max(highs) else "no",
                ]
            )
        blocks.append(Group(label(WEIGHTS_LABELS, weights), rows))
    true = ["γ max, true"] if "true" in bounds else []
    return Table(
        title="Intervals of γ in which the partition is certified",
        caption=(
            "For which γ convex clustering returns the partition of the row. γ min by the theorem"
            " of Sun, Toh and Yuan (2021), by the electrical flow with conductances equal to the"
            " weights, by the same after multiplicative reweighting, and the true one, found by"
            " solving; γ max of the theorem and the true one. ∞: the bound certifies no γ. The last"
            " column: whether the best bound leaves any γ at all."
        ),
        frame=frame,
        columns=[
            *("data set", "n", "d", "K"),
            *(f"γ min, {label(BOUND_LABELS, name)}" for name in bounds),
            "γ max, certified",
            *true,
            "non-empty",
        ],
        groups=blocks,
        notes=[NO_PUBLISHED, DERIVED],
        wide=True,
    )


def _low(found: dict[str, dict[str, object]], name: str) -> str:
    return (
        format_significant(float(str(found[name]["low"])))
        if name in found
        else format_significant(float("nan"))
    )


def _high(found: dict[str, dict[str, object]]) -> str:
    return (
        format_significant(float(str(found["true"]["high"])))
        if "true" in found
        else format_significant(float("nan"))
    )
