"""Pictures as part of a self-contained page: as small as they are sharp."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from urllib.parse import quote

from PIL import Image

_LARGEST = 160_000
"""Characters of a drawing beyond which its pixels are taken where they are fewer."""
_COLOURS = 192
_PLAIN = " !$&()*+,-./:;=?@[]_~"
"""What may stand in a data address of a drawing as it is."""
_WIDTH = re.compile(r'<svg[^>]*\bwidth="([\d.]+)pt"')
_PLACES = re.compile(r'\b(?:d|x|y)="[^"]*"')
_DIGITS = re.compile(r"(\.\d\d)\d+")
"""Hundredths of a point are seen by nobody."""


def picture(stem: Path) -> str | None:
    """``stem``.svg as a data address, ``stem``.png where that is smaller than a large drawing.

    The drawing loses digits below a hundredth of a point; pixels keep as many
    colours as are told apart.

    Returns:
        The address, or none where both files are absent.
    """
    drawing = stem.parent / f"{stem.name}.svg"
    pixels = stem.parent / f"{stem.name}.png"
    drawn = _drawn(drawing) if drawing.is_file() else None
    if pixels.is_file() and (drawn is None or len(drawn) > _LARGEST):
        seen = _packed(pixels)
        return seen if drawn is None or len(seen) < len(drawn) else drawn
    return drawn


def _drawn(path: Path) -> str:
    """A drawing as text, which is shorter than base64."""
    text = " ".join(path.read_text(encoding="utf-8").split())
    text = text[max(0, text.find("<svg")) :].replace("> <", "><")
    text = _PLACES.sub(lambda found: _DIGITS.sub(r"\1", found[0]), text)
    return f"data:image/svg+xml,{quote(text, safe=_PLAIN)}"


def _packed(path: Path) -> str:
    stream = io.BytesIO()
    with Image.open(path) as image:
        # Marks have few colours; the many are the shades of their edges.
        few = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        few.convert("RGB").save(stream, "WEBP", lossless=True, quality=60, method=4)
    return f"data:image/webp;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"


def inches(stem: Path) -> float | None:
    """Width of ``stem``.svg, by which pages scale it; None where it does not say."""
    path = stem.parent / f"{stem.name}.svg"
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as lines:
            found = _WIDTH.search(lines.read(2000))
        if found:
            return float(found[1]) / 72
    return None
