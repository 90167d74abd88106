"""Means over the seeds, by the number of draws."""

from __future__ import annotations

from advlearn.studies.toy.paper.schema import ToyTidy

from advlearn.report.intervals import over_seeds
from advlearn.report.numbers import with_interval
from advlearn.report.table import Group, Source, Table


def build(tidy: ToyTidy) -> Table:
    """One row a number of draws."""
    draws = tidy["toy_draws"]
    frame = over_seeds(draws, ["size"])
    return Table(
        title="Means of draws from the unit interval",
        caption=f"Mean over {len(tidy.study.seeds)} seeds. The true mean is one half.",
        frame=frame,
        columns=["draws", "mean"],
        groups=[
            Group("", [[str(row.size), with_interval(row.mean, row.ci_low, row.ci_high)]
                       for row in frame.itertuples(index=False, name="Row")])
        ],
        keys=["size"],
        how="mean over seeds",
        sources=[Source("toy_draws", draws)],
    )  # fmt: skip
