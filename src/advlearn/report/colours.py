"""What makes a colour readable on white paper."""

from __future__ import annotations

CONTRAST = 4.5
"""Least contrast of type to its ground, of the Web Content Accessibility Guidelines (AA)."""


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` in sRGB, from 0 for black to 1 for white."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(colour: str, ground: str = "#FFFFFF") -> float:
    """Contrast of two colours, from 1 for equal ones to 21 for black on white."""
    low, high = sorted((luminance(colour), luminance(ground)))
    return (high + 0.05) / (low + 0.05)


def ink(colour: str) -> str:
    """The colour for type on white: darkened as far as `CONTRAST` needs."""
    parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    for percent in range(100, 0, -2):
        found = "#" + "".join(f"{part * percent // 100:02X}" for part in parts)
        if contrast(found) >= CONTRAST:
            return found
    return "#000000"
