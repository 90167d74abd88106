"""Table 2: accuracy against the number of clusters, PGD."""

from __future__ import annotations

from functools import partial

from advlearn.studies.selective.paper.cluster_tables import cluster_table

build = partial(cluster_table, name="selective_table2_pgd", attack="pgd", number=2)
