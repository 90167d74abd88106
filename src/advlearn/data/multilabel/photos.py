"""Photo files decoded to squares of pixels, one at a time or a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from advlearn.support.errors import UserError

Mode = Literal["crop", "square"]
"""crop: the shorter side is resized, the middle cut out; square: both sides are resized."""

_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)
"""What Pillow raises for files that are cut short, altered or no picture."""


def decode(path: Path, size: int, mode: Mode) -> np.ndarray:
    """Read a photo as torchvision does: RGB, resized bilinearly, its EXIF orientation ignored.

    Args:
        path: picture file; grayscale, palette and CMYK become RGB.
        size: side of the square in pixels.
        mode: ``crop`` as by ``Resize(size)`` and ``CenterCrop(size)``, ``square`` as by
            ``Resize((size, size))`` of torchvision.

    Returns:
        uint8 (3, size, size).

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        photo = _open(path)
    except _DAMAGED as error:
        raise UserError(
            f"the photo cannot be read: {error}",
            where=str(path),
            remedy="replace the file by a whole copy, or delete it and prepare the data again",
        ) from error
    width, height = (size, size) if mode == "square" else _short_side(photo.size, size)
    photo = photo.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    pixels = np.asarray(photo.crop((left, top, left + size, top + size)))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def is_readable(path: Path) -> bool:
    """Whether all of a photo can be decoded."""
    try:
        _open(path)
    except _DAMAGED:
        return False
    return True


def _open(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return opened.convert("RGB")


def _short_side(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height with the shorter one ``side``, the longer one rounded down."""
    width, height = size
    if width <= height:
        return side, side * height // width
    return side * width // height, side


class Photos:
    """Photos of a folder as an array that is decoded when it is looked at.

    Args:
        root: folder of the photos.
        names: their paths inside the folder.
        size: side of the square in pixels.
        mode: see ``decode``.
    """

    def __init__(self, root: Path, names: Sequence[str], size: int, mode: Mode) -> None:
        self.root, self.names, self.mode = root, list(names), mode
        self.shape: tuple[int, ...] = (len(self.names), 3, size, size)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, positions: slice | Sequence[int] | np.ndarray) -> np.ndarray:
        """Decode the photos at ``positions`` as float32 (m, 3, size, size) in [0, 1]."""
        wanted = np.arange(len(self))[positions]
        found = np.empty((len(wanted), *self.shape[1:]), dtype=np.float32)
        for row, position in enumerate(wanted):
            pixels = decode(self.root / self.names[position], self.shape[-1], self.mode)
            np.divide(pixels, np.float32(255), out=found[row], dtype=np.float32)
        return found
