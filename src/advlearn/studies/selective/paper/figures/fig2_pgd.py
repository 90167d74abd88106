"""Figure 2: k-means against agglomerative clustering over the number of clusters, PGD."""

from __future__ import annotations

from matplotlib.figure import Figure

from advlearn.studies.selective.paper.curves import draw_clusters
from advlearn.studies.selective.schema import SelectiveTidy


def draw(tidy: SelectiveTidy) -> Figure:
    """Curves of Table 2, one block of rows a universe, one column a protocol."""
    return draw_clusters(tidy, "selective_table2_pgd", "pgd")
