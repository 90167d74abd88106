"""Table 2: accuracy against the number of clusters, PGD."""

from __future__ import annotations

from advlearn.paper.selective import cluster_table
from advlearn.paper.tidy import Tidy
from advlearn.paper.writers import Table


def build(tidy: Tidy) -> Table:
    """Published and reproduced Table 2, every universe and protocol."""
    return cluster_table(tidy, "selective_table2_pgd", "pgd", 2)
