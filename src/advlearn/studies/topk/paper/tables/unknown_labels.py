"""TkMIA by an attacker who does not know the labels, or sees only some of them."""

from __future__ import annotations

from advlearn.report.numbers import format_number
from advlearn.report.table import Table
from advlearn.studies.topk.paper.attacks import Comparison, attack_table
from advlearn.studies.topk.paper.labels import KNOWLEDGE
from advlearn.studies.topk.paper.run import TopkTidy


def build(run: TopkTidy) -> Table:
    """What the attacker knows by the share of labels hidden from it."""
    return attack_table(
        run,
        "unknown",
        Comparison(
            {"knowledge": "truth", "hidden": 0.0},
            ["relevant labels", "hidden"],
            "an attacker who knows all labels",
            lambda value: KNOWLEDGE(value) if isinstance(value, str) else format_number(value, 2),
        ),
        title="Attackers who do not know all labels",
        caption=(
            "TkMIA where the attacker takes the relevant labels from the truth or infers them from"
            " the model's own clean scores, and where a share of the labels is hidden from it."
            " Success and measures are judged with the truth."
        ),
    )
