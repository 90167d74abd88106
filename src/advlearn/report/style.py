"""Sizes, colours, markers and names shared by all figures.

Every meaning has a colour (Okabe and Ito's palette) and a marker or line style, so that no figure
depends on colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import matplotlib.style

from advlearn.report import resources
from advlearn.report.labels import BLACK, BLUE, GREEN, PURPLE, VERMILION, Mark

# The backend without a window system; figures are made as objects, never through pyplot.
mpl.use("agg")

_STYLE = Path(resources.__path__[0], "advlearn.mplstyle")

COLUMN_WIDTH = 3.4  # inches, one column of a two-column page
TEXT_WIDTH = 7.0  # inches, the whole page
PAGE_HEIGHT = 9.0  # inches that a figure may take of it


CLUSTERERS = {
    "kmeans": Mark(BLUE, "o", "-", "k-means"),
    "agglomerative": Mark(VERMILION, "s", "--", "agglomerative"),
    "dbscan": Mark(GREEN, "^", "-.", "DBSCAN"),
    "hdbscan": Mark(PURPLE, "D", ":", "HDBSCAN"),
}
REDUCTIONS = {
    "none": Mark(BLACK, "o", "-", "none"),
    "pca": Mark(BLUE, "s", "--", "PCA"),
    "tsne": Mark(VERMILION, "^", "-.", "t-SNE"),
}
RULE_MARKERS = {
    "random": "o",
    "largest": "^",
    "smallest": "v",
    "highest_loss": "P",
    "lowest_margin": "X",
    "every": "s",
    "subset": "d",
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the project's style inside the block, whatever the user's matplotlibrc says."""
    with mpl.style.context(["default", str(_STYLE)]):
        yield
