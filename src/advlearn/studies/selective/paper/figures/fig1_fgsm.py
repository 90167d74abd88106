"""Figure 1: k-means against agglomerative clustering over the number of clusters, FGSM."""

from __future__ import annotations

from matplotlib.figure import Figure

from advlearn.studies.selective.paper.curves import draw_clusters
from advlearn.studies.selective.paper.schema import SelectiveTidy

TITLE = "Figure 1: k-means against agglomerative clustering, FGSM"
CAPTION = (
    "Clean, adversarial and average accuracy on the test images after retraining with one random"
    " cluster of FGSM images (PCA map), against the number of clusters. Filled marks and bands:"
    " mean over seeds and 95 % Student-t interval. Hollow marks: published values (Table 1). Dotted"
    " line: adversarial training on all images. Star: the universe and protocol set beside the"
    " published numbers."
)


def draw(tidy: SelectiveTidy) -> Figure:
    """Curves of Table 1, one block of rows a universe, one column a protocol."""
    return draw_clusters(tidy, "selective_table1_fgsm", "fgsm")
