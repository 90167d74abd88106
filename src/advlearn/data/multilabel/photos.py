"""Photo files decoded to squares of pixels, one at a time or a batch at a time.

What has a known range of values becomes 8-bit RGB, what has none is refused with the reason;
docs/own-data.md lists what happens to each kind of picture.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageFile

from advlearn.support.errors import UserError

Mode = Literal["crop", "square"]
"""crop: the shorter side is resized, the middle cut out; square: both sides are resized."""

DAMAGED, KIND = "damaged file", "kind of picture that cannot be read"
HUGE, NARROW = "more pixels than are opened", "one side over 100 times the other"
RANGE, FRAMES = "values of unknown range (32-bit, signed or float)", "several frames"
"""Why a picture cannot be used."""

WIDE, TRANSPARENT = "16 bits a channel, scaled to 8", "transparency, laid over white"
INKS, TURNED = "CMYK, converted without its profile", "orientation in EXIF, ignored"
"""What is done to a picture that can be used."""

_DAMAGED = (
    *(OSError, SyntaxError, ValueError, EOFError, TypeError, LookupError, OverflowError),
    *(struct.error, Image.DecompressionBombError),
)
"""What Pillow raises for files that are cut short, altered or no picture."""

_SIXTEEN_BITS = {"PNG", "TIFF", "JPEG2000", "PPM"}
"""Formats whose 16-bit grey is known to fill 0..65535 when Pillow hands it over."""

_NARROWEST = 100
"""Longer by shorter side: narrower ones, resized by the shorter side, would fill the memory."""
_KEPT = 2**28
"""Bytes of decoded photos that one array keeps."""

_BITS, _WHITE_IS_ZERO, _SAMPLES, _ORIENTATION = 258, 262, 339, 0x0112
"""Tags of TIFF, the last one of EXIF, too."""


class NoPhotoError(ValueError):
    """A whole picture that cannot become a photo without losing what it shows; says why."""


@dataclass(frozen=True)
class Look:
    """What one reading of a photo file has shown.

    Attributes:
        fault: why the photo cannot be used; none when it can.
        changes: what is done to it on the way to 8-bit RGB, apart from resizing.
        digest: of the bytes of the file; empty when it cannot be used.
    """

    fault: str | None
    changes: tuple[str, ...] = ()
    digest: bytes = b""


def decode(path: Path, size: int, mode: Mode) -> np.ndarray:
    """Read a photo as torchvision does: RGB, resized bilinearly, its EXIF orientation ignored.

    Unlike there, 16 bits are scaled to 8 and transparent pixels show a white ground.

    Args:
        path: picture file; grayscale, palette and CMYK become RGB.
        size: side of the square in pixels.
        mode: ``crop`` as by ``Resize(size)`` and ``CenterCrop(size)``, ``square`` as by
            ``Resize((size, size))`` of torchvision.

    Returns:
        uint8 (3, size, size).

    Raises:
        UserError: the file is missing or damaged, or its values have no known range.
    """
    try:
        with Image.open(path) as opened:
            photo, _ = _rgb(opened)
    except _DAMAGED as error:
        raise UserError(
            f"the photo cannot be read: {error}",
            where=str(path),
            remedy="replace the file by a whole copy in 8 or 16 bits a channel, or delete it and"
            " prepare the data again",
        ) from error
    width, height = (size, size) if mode == "square" else _short_side(photo.size, size)
    photo = photo.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - size) / 2), round((height - size) / 2)
    pixels = np.asarray(photo.crop((left, top, left + size, top + size)))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def look_at(path: Path) -> Look:
    """Decode all of a photo once and say whether it can be used and what is done to it."""
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as opened:
            _, changes = _rgb(opened)
            if _is_turned(opened):
                changes = (*changes, TURNED)
    except NoPhotoError as error:
        return Look(str(error))
    except Image.DecompressionBombError:
        return Look(HUGE)
    except _DAMAGED:
        return Look(DAMAGED)
    return Look(None, changes, hashlib.blake2b(content, digest_size=16).digest())


def _rgb(picture: ImageFile.ImageFile) -> tuple[Image.Image, tuple[str, ...]]:
    """A picture as 8-bit RGB, and what was done to it.

    Raises:
        NoPhotoError: it is too narrow, has several frames, or values whose range is not known.
    """
    if max(picture.size) > _NARROWEST * min(picture.size):
        raise NoPhotoError(NARROW)
    # The further frames of an MPO, the format of many phones, are previews of the first.
    if picture.format != "MPO" and getattr(picture, "n_frames", 1) > 1:
        raise NoPhotoError(FRAMES)
    tags: Any = getattr(picture, "tag_v2", {})
    wide = picture.mode.startswith("I") or any(";16" in str(tile[3]) for tile in picture.tile)
    changes: tuple[str, ...] = (WIDE,) if wide else ()
    if picture.mode == "F" or any(kind != 1 for kind in tags.get(_SAMPLES, ())):
        raise NoPhotoError(RANGE)
    if picture.mode.startswith("I"):
        return _scaled(picture, tags, changes)
    if picture.mode == "CMYK":
        changes = (*changes, INKS)
    picture.load()
    try:
        if picture.has_transparency_data:
            pixels = picture.convert("RGBA")
            if pixels.getchannel("A").getextrema() != (255, 255):
                ground = Image.new("RGBA", pixels.size, "white")
                pixels = Image.alpha_composite(ground, pixels)
                changes = (*changes, TRANSPARENT)
            return pixels.convert("RGB"), changes
        return picture.convert("RGB"), changes
    except ValueError as error:
        raise NoPhotoError(KIND) from error


def _scaled(
    picture: Image.Image, tags: Any, changes: tuple[str, ...]
) -> tuple[Image.Image, tuple[str, ...]]:
    """16-bit grey as RGB: 0..65535 becomes 0..255, to the nearest."""
    sixteen = picture.mode.startswith("I;16") or picture.format == "PPM"
    if not sixteen or picture.format not in _SIXTEEN_BITS:
        raise NoPhotoError(RANGE)
    values = np.asarray(picture).astype(np.float64)
    clear = values == picture.info.get("transparency", -1)
    grey = np.rint(values * (255 / (2.0 ** max(tags.get(_BITS, (16,))) - 1)))
    if tags.get(_WHITE_IS_ZERO) == 0:
        grey = 255 - grey
    if clear.any():
        grey[clear], changes = 255, (*changes, TRANSPARENT)
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB"), changes


def _is_turned(picture: Image.Image) -> bool:
    try:
        return bool(picture.getexif().get(_ORIENTATION, 1) not in (0, 1))
    except _DAMAGED:
        # Camera data may be damaged where the picture is whole.
        return False


def _short_side(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height with the shorter one ``side``, the longer one rounded down."""
    width, height = size
    if width <= height:
        return side, side * height // width
    return side * width // height, side


class Photos:
    """Photos of a folder as an array that is decoded when it is looked at.

    What was decoded is kept, up to 256 MiB of it: each epoch of a training looks at every photo.

    Args:
        root: folder of the photos.
        names: their paths inside the folder.
        size: side of the square in pixels.
        mode: see ``decode``.
    """

    def __init__(self, root: Path, names: Sequence[str], size: int, mode: Mode) -> None:
        self.root, self.names, self.mode = root, list(names), mode
        self.shape: tuple[int, ...] = (len(self.names), 3, size, size)
        self._kept: dict[int, np.ndarray] = {}
        self._room = _KEPT // (3 * size * size)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, positions: slice | Sequence[int] | np.ndarray) -> np.ndarray:
        """Decode the photos at ``positions`` as float32 (m, 3, size, size) in [0, 1]."""
        wanted = np.arange(len(self))[positions]
        found = np.empty((len(wanted), *self.shape[1:]), dtype=np.float32)
        for row, position in enumerate(wanted):
            pixels = self._pixels(int(position))
            np.divide(pixels, np.float32(255), out=found[row], dtype=np.float32)
        return found

    def _pixels(self, position: int) -> np.ndarray:
        """One photo as uint8, from memory where it was decoded before."""
        pixels = self._kept.get(position)
        if pixels is None:
            pixels = decode(self.root / self.names[position], self.shape[-1], self.mode)
            if len(self._kept) < self._room:
                self._kept[position] = pixels
        return pixels
