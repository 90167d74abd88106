"""Sizes, colours, markers and names shared by all figures.

Every meaning has a colour (Okabe and Ito's palette) and a marker or line style, so that no figure
depends on colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.style
import numpy as np

# The backend without a window system; figures are made as objects, never through pyplot.
mpl.use("agg")

COLUMN_WIDTH = 3.4  # inches, one column of a two-column page
TEXT_WIDTH = 7.0  # inches, the whole page
PAGE_HEIGHT = 9.0  # inches that a figure may take of it

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#8C8C8C"


class Mark(NamedTuple):
    """How one kind of thing is drawn."""

    colour: str
    marker: str
    line: str
    label: str


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
    with mpl.style.context(["default", str(Path(__file__).with_name("advlearn.mplstyle"))]):
        yield


def limits(
    values: Iterable[float], *, least_span: float = 0.02, pad: float = 0.08
) -> tuple[float, float]:
    """Axis limits for accuracies: all values, some air, and never beyond -0.03 or 1.03.

    A narrow band of values is not blown up beyond ``least_span``, so that noise looks like noise.
    """
    finite = np.array([value for value in values if np.isfinite(value)], dtype=float)
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    missing = max(0.0, least_span - (high - low)) / 2
    low, high = low - missing, high + missing
    if missing > 0 and low < 0:
        low, high = 0.0, high - low
    elif missing > 0 and high > 1:
        low, high = low - (high - 1), 1.0
    air = pad * (high - low)
    # The floor and the ceiling leave a little room, so that 0 and 1 do not lie on the frame.
    return max(low - air, min(-0.03, low)), min(high + air, max(1.03, high))
