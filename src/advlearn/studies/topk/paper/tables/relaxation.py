"""TkMIA with its convex relaxation and with the exact order statistic."""

from __future__ import annotations

from advlearn.report.table import Table
from advlearn.studies.topk.paper.attacks import Comparison, attack_table
from advlearn.studies.topk.paper.labels import SURROGATES
from advlearn.studies.topk.paper.run import TopkTidy


def build(run: TopkTidy) -> Table:
    """Surrogate by k, with all metrics and intervals."""
    return attack_table(
        run,
        "relaxation",
        Comparison({"surrogate": "average"}, ["loss"], "the average of the top k", SURROGATES),
        title="Convex relaxation against the exact order statistic",
        caption=(
            "TkMIA with several losses: the average of the top k, a convex upper bound of the order"
            " statistic, as in the paper; the order statistic itself; that with each of its two"
            " terms cut off at zero; and its first term alone, which is at most zero exactly where"
            " the specified labels are out of the top k."
        ),
    )
