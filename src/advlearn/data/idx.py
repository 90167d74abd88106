"""The idx format of MNIST: a big-endian header (type, dimensions), then unsigned bytes.

LeCun's description: two zero bytes, the type (0x08 = unsigned byte), the number of dimensions, one
32-bit size a dimension, then the values, the last dimension running fastest.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

from advlearn.support.errors import UserError

_UNSIGNED_BYTE = 0x08


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read one idx file of unsigned bytes.

    Args:
        path: the raw (uncompressed) file.
        dimensions: number of dimensions that it must have: 3 for images, 1 for labels.

    Returns:
        A read-only uint8 array mapped from the file, for example (n, height, width).

    Raises:
        UserError: the header is not that of such a file, or the length does not fit it.
    """
    with path.open("rb") as stream:
        header = stream.read(4 + 4 * dimensions)
    expected = struct.pack(">HBB", 0, _UNSIGNED_BYTE, dimensions)
    if len(header) < 4 + 4 * dimensions or header[:4] != expected:
        raise _damaged(path, f"it does not begin like an idx file of {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    length = path.stat().st_size - len(header)
    if length != math.prod(shape) or length == 0:
        raise _damaged(path, f"its header announces {math.prod(shape)} bytes, it holds {length}")
    return np.memmap(path, dtype=np.uint8, mode="r", offset=len(header), shape=shape)


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(
        f"the file is damaged or truncated: {reason}",
        where=str(path),
        remedy="delete the file and run the stage download again",
    )
