"""TkMIA under different weights of the norm."""

from __future__ import annotations

from advlearn.paper.tidy import Tidy
from advlearn.paper.topk_attacks import Varied, attack_table, experiment
from advlearn.paper.writers import Table


def smallest(tidy: Tidy) -> float:
    """The smallest weight of the run: the reference of the others."""
    return float(experiment(tidy, "alpha")["alpha"].min())


def build(tidy: Tidy) -> Table:
    """Weight of the norm, with all metrics and intervals; the smallest weight is the reference."""
    base = smallest(tidy)
    return attack_table(
        tidy,
        "alpha",
        Varied(["alpha"], ["α"], {"alpha": base}, f"α = {base:g}", "{:g}".format),
        title="Weight of the norm",
        caption="TkMIA with different weights α of half the squared norm of the perturbation.",
    )
