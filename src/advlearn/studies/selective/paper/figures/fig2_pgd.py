"""Figure 2: k-means against agglomerative clustering over the number of clusters, PGD."""

from __future__ import annotations

from functools import partial

from advlearn.studies.selective.paper.curves import draw_clusters

draw = partial(draw_clusters, published_name="selective_table2_pgd", attack="pgd")
