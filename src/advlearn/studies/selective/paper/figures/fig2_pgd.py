"""Figure 2: k-means against agglomerative clustering over the number of clusters, PGD."""

from __future__ import annotations

from matplotlib.figure import Figure

from advlearn.studies.selective.paper.curves import draw_clusters
from advlearn.studies.selective.paper.schema import SelectiveTidy

TITLE = "Figure 2: k-means against agglomerative clustering, PGD"
CAPTION = (
    "Clean, adversarial and average accuracy on the test images after retraining with one random"
    " cluster of PGD images (PCA map), against the number of clusters. Filled marks and bands:"
    " mean over seeds and 95 % Student-t interval. Hollow marks: published values (Table 2). Dotted"
    " line: adversarial training on all images. Star: the universe and protocol set beside the"
    " published numbers."
)


def draw(tidy: SelectiveTidy) -> Figure:
    """Curves of Table 2, one block of rows a universe, one column a protocol."""
    return draw_clusters(tidy, "selective_table2_pgd", "pgd")
