"""TkMIA under different weights of the norm."""

from __future__ import annotations

from advlearn.report.table import Table
from advlearn.studies.topk.paper.attacks import Comparison, attack_table
from advlearn.studies.topk.paper.run import TopkTidy


def build(run: TopkTidy) -> Table:
    """Weight of the norm, with all metrics and intervals; the smallest weight is the reference."""
    smallest = float(run.experiment("alpha")["alpha"].min())
    return attack_table(
        run,
        "alpha",
        Comparison({"alpha": smallest}, ["α"], f"α = {smallest:g}", "{:g}".format),
        title="Weight of the norm",
        caption="TkMIA with different weights α of half the squared norm of the perturbation.",
    )
