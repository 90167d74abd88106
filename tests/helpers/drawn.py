"""Figures as files."""

from __future__ import annotations

import zlib
from pathlib import Path


def pixels(path: Path) -> tuple[int, int, int]:
    """Width, height and number of different rows of an 8-bit PNG."""
    data = path.read_bytes()
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    position, content = 8, b""
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"IDAT":
            content += data[position + 8 : position + 8 + length]
        position += 12 + length
    raw = zlib.decompress(content)
    stride = len(raw) // height
    return width, height, len({raw[i * stride + 1 : (i + 1) * stride] for i in range(height)})
