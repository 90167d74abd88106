"""Size and style of all figures, and figures as files: the same bytes on every run."""

from __future__ import annotations

import io
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import matplotlib.style
from matplotlib.figure import Figure

from advlearn.report import resources
from advlearn.support.io import write_bytes

# The backend without a window system; figures are made as objects, never through pyplot.
mpl.use("agg")

_STYLE = Path(resources.__path__[0], "advlearn.mplstyle")

_LACKING = re.compile(r"Glyph (\d+) .* missing from font")

COLUMN_WIDTH = 3.4  # inches, one column of a two-column page
PAGE_WIDTH = 7.0  # inches, both columns
PAGE_HEIGHT = 9.0  # inches that a figure may take of it
SMALL = 7.0  # points; no type is smaller at these widths

# Dates and versions would make two runs differ.
_METADATA: dict[str, dict[str, str | None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Apply the project's style inside the block, whatever the user's matplotlibrc says.

    Characters that the font lacks are drawn as boxes, and named in one line on standard error.
    """
    lacking: dict[str, None] = {}
    with mpl.style.context(["default", str(_STYLE)]), warnings.catch_warnings(record=True) as told:
        warnings.filterwarnings("always", message=_LACKING.pattern)
        try:
            yield
        finally:
            others = []
            for warning in told:
                found = _LACKING.match(str(warning.message))
                if found:
                    lacking[chr(int(found[1]))] = None
                else:
                    others.append(warning)
    for other in others:
        warnings.showwarning(other.message, other.category, other.filename, other.lineno)
    if lacking:
        print(
            f"note: the font of the figures, DejaVu Sans, has no {' '.join(lacking)}"
            " (drawn as boxes; the tables have them)",
            file=sys.stderr,
            flush=True,
        )


def save_figure(figure: Figure, stem: Path) -> list[Path]:
    """Write ``stem``.pdf, ``stem``.svg and ``stem``.png, each whole or not at all.

    Args:
        figure: the figure; its size in inches is kept as it is.
        stem: path without suffix.

    Returns:
        The three paths.

    Raises:
        UserError: the folder cannot be written to.
    """
    paths = []
    for kind, metadata in _METADATA.items():
        stream = io.BytesIO()
        figure.savefig(stream, format=kind, metadata=metadata)
        path = stem.parent / f"{stem.name}.{kind}"
        write_bytes(path, stream.getvalue())
        paths.append(path)
    return paths
