"""Pictures as part of a self-contained page."""

from __future__ import annotations

import base64
import re
from pathlib import Path

_LARGEST_SVG = 700_000  # bytes; larger ones are embedded as PNG

_WIDTH = re.compile(r'<svg[^>]*\bwidth="([\d.]+)pt"')


def picture(stem: Path) -> str | None:
    """``stem``.svg as a data address, ``stem``.png where that is large; None if both are absent."""
    for suffix, kind in ((".svg", "svg+xml"), (".png", "png")):
        path = stem.parent / f"{stem.name}{suffix}"
        if path.is_file() and (suffix == ".png" or path.stat().st_size <= _LARGEST_SVG):
            content = base64.b64encode(path.read_bytes()).decode("ascii")
            return f"data:image/{kind};base64,{content}"
    return None


def inches(stem: Path) -> float | None:
    """Width of ``stem``.svg, by which pages scale it; None where it does not say."""
    path = stem.parent / f"{stem.name}.svg"
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as lines:
            found = _WIDTH.search(lines.read(2000))
        if found:
            return float(found[1]) / 72
    return None
