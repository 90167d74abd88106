"""Table 2: accuracy against the number of clusters, PGD."""

from __future__ import annotations

from advlearn.report.table import Table
from advlearn.studies.selective.paper.cluster_tables import cluster_table
from advlearn.studies.selective.paper.schema import SelectiveTidy


def build(tidy: SelectiveTidy) -> Table:
    """Published and reproduced Table 2, every universe and protocol."""
    return cluster_table(tidy, "selective_table2_pgd", "pgd", 2)
