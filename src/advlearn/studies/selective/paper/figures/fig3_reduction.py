"""Figure 3: the effect of dimensionality reduction, k-means and FGSM."""

from __future__ import annotations

from matplotlib.figure import Figure

from advlearn.studies.selective.paper.curves import draw_reductions
from advlearn.studies.selective.paper.schema import SelectiveTidy

TITLE = "Figure 3: the effect of dimensionality reduction"
CAPTION = (
    "Accuracy on the test images after retraining with one random k-means cluster of FGSM images,"
    " clustered in pixel space (none), on the PCA map and on the t-SNE map. Marks and bands: mean"
    " over seeds and 95 % Student-t interval. Dotted line: adversarial training on all images."
    " Star: the universe and protocol set beside the published numbers, though the paper prints"
    " none for this figure."
)


def draw(tidy: SelectiveTidy) -> Figure:
    """Curves of k-means for each reduction, one block of rows a universe, one column a protocol."""
    return draw_reductions(tidy, "fgsm", "kmeans")
