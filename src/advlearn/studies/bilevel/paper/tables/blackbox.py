"""Perturbations made on one clusterer and given to others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from advlearn.report.frames import ordered, records
from advlearn.report.intervals import BOUNDS
from advlearn.report.numbers import ABSENT, format_significant, plus_minus
from advlearn.report.table import OVER_SEEDS, Source, Table, group_rows
from advlearn.studies.bilevel.paper.by_metric import long_format, means
from advlearn.studies.bilevel.paper.labels import DATASETS, METHODS, VICTIMS
from advlearn.studies.bilevel.paper.words import SAY
from advlearn.studies.bilevel.schema import BilevelTidy

KEYS = ["dataset", "source", "method", "target"]
METRICS = ("matching_error", "one_minus_ari", "delta", "reached", "epsilon", "queries")


def measure(tidy: BilevelTidy) -> pd.DataFrame:
    """Means over the seeds, one row a source, target, method and metric."""
    result = means(_long(tidy), KEYS)
    return ordered(
        result,
        [*KEYS, "metric"],
        dataset=DATASETS.order(result["dataset"]),
        source=list(VICTIMS),
        target=list(VICTIMS),
        method=list(METHODS),
        metric=METRICS,
    )


def build(tidy: BilevelTidy) -> Table:
    """The matching error of each target; one row a source and method, one group a data set."""
    frame = measure(tidy)
    targets = VICTIMS.order(frame["target"])
    row = partial(_row, targets)
    return Table(
        title="Black-box attacks: perturbations given to other clusterers",
        caption=SAY.blackbox_caption(len(tidy.study.seeds), (frame["method"] == "cma_es").any()),
        frame=frame,
        columns=["made on", "method", "ε", *map(VICTIMS, targets)],
        groups=group_rows(frame, ["dataset"], DATASETS, ["source", "method"], row),
        notes=[SAY.no_published(), SAY.blackbox_csv()],
        wide=True,
        keys=[*KEYS, "metric"],
        how=OVER_SEEDS,
        sources=[Source("bilevel_blackbox", _long(tidy))],
    )


def _long(tidy: BilevelTidy) -> pd.DataFrame:
    return long_format(tidy["bilevel_blackbox"], KEYS, METRICS)


def _row(targets: Sequence[str], cells: pd.DataFrame, source: str, method: str) -> list[str]:
    errors = {
        str(row["target"]): plus_minus(*(row[name] for name in BOUNDS))
        for row in records(cells[cells["metric"] == "matching_error"])
    }
    sizes = cells.loc[cells["metric"] == "epsilon", "mean"]
    # One size, or the smallest and largest where the targets got different ones.
    ends = dict.fromkeys(format_significant(float(size)) for size in (sizes.min(), sizes.max()))
    span = "–".join(ends) if len(sizes) else ABSENT
    return [VICTIMS(source), METHODS(method), span, *(errors.get(n, ABSENT) for n in targets)]
