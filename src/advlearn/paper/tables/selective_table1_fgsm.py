"""Table 1: accuracy against the number of clusters, FGSM."""

from __future__ import annotations

from advlearn.paper.selective import cluster_table
from advlearn.paper.tidy import Tidy
from advlearn.paper.writers import Table


def build(tidy: Tidy) -> Table:
    """Published and reproduced Table 1, every universe and protocol."""
    return cluster_table(tidy, "selective_table1_fgsm", "fgsm", 1)
