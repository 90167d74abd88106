"""Global scheme: every attack on fixed label sets, by k."""

from __future__ import annotations

from advlearn.report.table import Table
from advlearn.studies.topk.paper.attacks import METHOD, attack_table
from advlearn.studies.topk.paper.run import TopkTidy


def build(run: TopkTidy) -> Table:
    """Method by k and label set, with all metrics and intervals."""
    return attack_table(
        run,
        "global",
        METHOD,
        title="Fixed label sets (global scheme)",
        caption=(
            "One fixed set S of specified labels for every image; an image is eligible where it"
            " has at least k other relevant labels and one of S in its clean top k."
        ),
    )
