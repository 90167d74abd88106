"""Pictures as part of a self-contained page."""

from __future__ import annotations

import base64
from pathlib import Path

_LARGEST_SVG = 700_000  # bytes; larger ones are embedded as PNG


def picture(stem: Path) -> str | None:
    """``stem``.svg as a data address, ``stem``.png where that is large; None if both are absent."""
    for suffix, kind in ((".svg", "svg+xml"), (".png", "png")):
        path = stem.parent / f"{stem.name}{suffix}"
        if path.is_file() and (suffix == ".png" or path.stat().st_size <= _LARGEST_SVG):
            content = base64.b64encode(path.read_bytes()).decode("ascii")
            return f"data:image/{kind};base64,{content}"
    return None
