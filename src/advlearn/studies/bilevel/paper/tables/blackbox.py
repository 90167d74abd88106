"""Perturbations made on one clusterer and given to others."""

from __future__ import annotations

from typing import Any

import pandas as pd

from advlearn.report.frames import groups, ordered, records
from advlearn.report.numbers import ABSENT, format_significant, plus_minus
from advlearn.report.table import Group, Table
from advlearn.studies.bilevel.paper.common import (
    DATASET_LABELS,
    METHOD_LABELS,
    METHODS,
    NO_PUBLISHED,
    VICTIM_LABELS,
    VICTIMS,
    datasets,
    in_order,
    label,
    means,
    seeds_text,
    unit_text,
)
from advlearn.studies.bilevel.paper.schema import BilevelTidy

KEYS = ["dataset", "source", "method", "target"]
METRICS = ("matching_error", "one_minus_ari", "delta", "reached", "epsilon", "queries")


def measure(tidy: BilevelTidy) -> pd.DataFrame:
    """Means over the seeds, one row a source, target, method and metric."""
    frame = tidy["bilevel_blackbox"]
    result = means(frame, KEYS, METRICS)
    return ordered(
        result,
        [*KEYS, "metric"],
        dataset=datasets(result["dataset"]),
        source=VICTIMS,
        target=VICTIMS,
        method=METHODS,
        metric=METRICS,
    )


def build(tidy: BilevelTidy) -> Table:
    """The matching error of each target; one row a source and method, one group a data set.

    Raises:
        UserError: the tidy table is missing, has no rows or is damaged.
    """
    frame = measure(tidy)
    targets = in_order(frame["target"], VICTIMS)
    blocks = []
    for (dataset,), part in groups(frame, ["dataset"]):
        rows = []
        for (source, method), cells in groups(part, ["source", "method"]):
            error = {
                row["target"]: row for row in records(cells[cells["metric"] == "matching_error"])
            }
            sizes = cells[cells["metric"] == "epsilon"]["mean"]
            rows.append(
                [
                    label(VICTIM_LABELS, source),
                    label(METHOD_LABELS, method),
                    _span(sizes),
                    *(_cell(error.get(target)) for target in targets),
                ]
            )
        blocks.append(Group(label(DATASET_LABELS, dataset), rows))
    return Table(
        title="Black-box attacks: perturbations given to other clusterers",
        caption=(
            "Matching error of the clusterer in the head of the column (share of its points that it"
            " puts elsewhere than on clean data, clusters matched) on data perturbed for the"
            " clusterer in the row. Convex clustering is a surrogate: the perturbations of the"
            " attacks that know it are handed to the others without a query. The genetic attack saw"
            " the labels of the clusterer in the row and nothing else. Random noise was made on"
            f" none. ε: size per point. {seeds_text(tidy)}"
            f" {unit_text()}"
        ),
        frame=frame,
        columns=[
            *("made on", "method", "ε"),
            *(label(VICTIM_LABELS, target) for target in targets),
        ],
        groups=blocks,
        notes=[
            NO_PUBLISHED,
            "The CSV file has 1 − ARI, δ, queries and the share of seeds in which the labels"
            " changed. A dash: not run.",
        ],
        wide=True,
    )


def _cell(row: dict[str, Any] | None) -> str:
    return ABSENT if row is None else plus_minus(row["mean"], row["ci_low"], row["ci_high"])


def _span(sizes: pd.Series) -> str:
    """One size, or the smallest and largest where the targets got different ones."""
    if sizes.empty:
        return ABSENT
    ends = [format_significant(float(sizes.min())), format_significant(float(sizes.max()))]
    return ends[0] if ends[0] == ends[1] else "–".join(ends)
