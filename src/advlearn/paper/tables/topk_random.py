"""Random scheme: every attack on labels drawn per image, by k and number of labels."""

from __future__ import annotations

from advlearn.paper.tables.topk_global import NOTES
from advlearn.paper.tidy import Tidy
from advlearn.paper.topk_attacks import METHOD, attack_table
from advlearn.paper.writers import Table


def build(tidy: Tidy) -> Table:
    """Method by k and |S|, with all metrics and intervals."""
    return attack_table(
        tidy,
        "random",
        METHOD,
        title="Labels drawn per image (random scheme)",
        caption=(
            "|S| specified labels drawn for every image from the relevant labels in its clean top"
            " k; an image is eligible where it has at least k other relevant labels."
        ),
        notes=NOTES,
    )
