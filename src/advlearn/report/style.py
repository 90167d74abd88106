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

# The backend without a window system; figures are made as objects, never through pyplot.
mpl.use("agg")

_STYLE = Path(resources.__path__[0], "advlearn.mplstyle")

COLUMN_WIDTH = 3.4  # inches, one column of a two-column page
PAGE_HEIGHT = 9.0  # inches that a figure may take of it


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the project's style inside the block, whatever the user's matplotlibrc says."""
    with mpl.style.context(["default", str(_STYLE)]):
        yield
