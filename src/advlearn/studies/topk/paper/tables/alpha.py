"""TkMIA under different weights of the norm."""

from __future__ import annotations

from advlearn.report.table import Table
from advlearn.studies.topk.paper.attacks import Varied, attack_table, experiment
from advlearn.studies.topk.paper.schema import TopkTidy


def smallest(tidy: TopkTidy) -> float:
    """The smallest weight of the run: the reference of the others."""
    return float(experiment(tidy, "alpha")["alpha"].min())


def build(tidy: TopkTidy) -> Table:
    """Weight of the norm, with all metrics and intervals; the smallest weight is the reference."""
    base = smallest(tidy)
    return attack_table(
        tidy,
        "alpha",
        Varied(["alpha"], ["α"], {"alpha": base}, f"α = {base:g}", "{:g}".format),
        title="Weight of the norm",
        caption="TkMIA with different weights α of half the squared norm of the perturbation.",
    )
