"""Table 1: accuracy against the number of clusters, FGSM."""

from __future__ import annotations

from advlearn.report.table import Table
from advlearn.studies.selective.paper.cluster_tables import cluster_table
from advlearn.studies.selective.paper.schema import SelectiveTidy


def build(tidy: SelectiveTidy) -> Table:
    """Published and reproduced Table 1, every universe and protocol."""
    return cluster_table(tidy, "selective_table1_fgsm", "fgsm", 1)
