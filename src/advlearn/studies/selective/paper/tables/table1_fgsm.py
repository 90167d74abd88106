"""Table 1: accuracy against the number of clusters, FGSM."""

from __future__ import annotations

from functools import partial

from advlearn.studies.selective.paper.cluster_tables import cluster_table

build = partial(cluster_table, name="selective_table1_fgsm", attack="fgsm", number=1)
