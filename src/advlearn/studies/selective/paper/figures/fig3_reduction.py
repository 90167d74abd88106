"""Figure 3: the effect of dimensionality reduction, k-means and FGSM."""

from __future__ import annotations

from functools import partial

from advlearn.studies.selective.paper.curves import draw_reductions

draw = partial(
    draw_reductions, published_name="selective_table1_fgsm", attack="fgsm", clusterer="kmeans"
)
