"""Random scheme: every attack on labels drawn per image, by k and number of labels."""

from __future__ import annotations

from advlearn.report.table import Table
from advlearn.studies.topk.paper.attacks import METHOD, attack_table
from advlearn.studies.topk.paper.run import TopkTidy


def build(run: TopkTidy) -> Table:
    """Method by k and |S|, with all metrics and intervals."""
    return attack_table(
        run,
        "random",
        METHOD,
        title="Labels drawn per image (random scheme)",
        caption=(
            "|S| specified labels drawn for every image from the relevant labels in its clean top"
            " k; an image is eligible where it has at least k other relevant labels."
        ),
    )
