"""Figure 3: the effect of dimensionality reduction, k-means and FGSM."""

from __future__ import annotations

from matplotlib.figure import Figure

from advlearn.studies.selective.paper.curves import draw_reductions
from advlearn.studies.selective.schema import SelectiveTidy


def draw(tidy: SelectiveTidy) -> Figure:
    """Curves of k-means for each reduction, one block of rows a universe, one column a protocol."""
    return draw_reductions(tidy, "fgsm", "kmeans")
