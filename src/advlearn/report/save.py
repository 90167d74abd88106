"""Figures as files: PDF, SVG and PNG with the same bytes on every run."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.figure import Figure

from advlearn.support.io import write_bytes

# Dates and versions would make two runs differ.
_METADATA: dict[str, dict[str, str | None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


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
