"""Figure 1: k-means against agglomerative clustering over the number of clusters, FGSM."""

from __future__ import annotations

from functools import partial

from advlearn.studies.selective.paper.curves import draw_clusters

draw = partial(draw_clusters, published_name="selective_table1_fgsm", attack="fgsm")
