"""CIFAR-10 in its binary version: records of one label byte and three planes of 1,024 pixel bytes.

Krizhevsky (2009). The Python version of the authors is a pickle and is never read here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from advlearn.data.copying import SourceFailure, one_line
from advlearn.support.errors import UserError

SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32


def read_batches(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Read binary batches one after the other.

    Args:
        paths: the batch files, in order.

    Returns:
        images uint8 (n, 3, 32, 32) and labels int64 (n).

    Raises:
        UserError: a file does not hold whole records.
    """
    for path in paths:
        if path.stat().st_size % RECORD or not path.stat().st_size:
            raise UserError(
                f"the file does not consist of whole records of {RECORD} bytes",
                where=str(path),
                remedy="delete the file and run the stage download again",
            )
    counts = [path.stat().st_size // RECORD for path in paths]
    images = np.empty((sum(counts), *SHAPE), dtype=np.uint8)
    labels = np.empty(sum(counts), dtype=np.int64)
    start = 0
    for path, count in zip(paths, counts, strict=True):
        records = np.fromfile(path, dtype=np.uint8).reshape(count, RECORD)
        labels[start : start + count] = records[:, 0]
        images[start : start + count] = records[:, 1:].reshape(count, *SHAPE)
        start += count
    return images, labels


def rebuild_from_sprite(sprite: Path, labels: Path, block: int, target: Path) -> None:
    """Rebuild one binary batch from an image sprite and a list of labels.

    Args:
        sprite: PNG with one image a row, its 32 x 32 pixels side by side in row-major order.
        labels: JSON list with the labels of one or more batches.
        block: which batch of ``labels`` belongs to the sprite.
        target: the batch file to write.

    Raises:
        SourceFailure: the sprite or the list is not what it should be.
        OSError: the target cannot be written.
    """
    try:
        with Image.open(sprite) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        listed = np.array(json.loads(labels.read_text(encoding="utf-8")), dtype=np.int64)
    except (OSError, ValueError, TypeError, SyntaxError, Image.DecompressionBombError) as error:
        raise SourceFailure(f"cannot rebuild {target.name}: {one_line(error)}") from error
    count, width, _ = pixels.shape
    own = listed[block * count : (block + 1) * count]
    if width != SHAPE[1] * SHAPE[2] or own.shape != (count,) or own.min() < 0 or own.max() > 255:
        raise SourceFailure(
            f"cannot rebuild {target.name}: {count} x {width} pixels, {own.size} labels"
        )
    records = np.empty((count, RECORD), dtype=np.uint8)
    records[:, 0] = own
    records[:, 1:] = pixels.transpose(0, 2, 1).reshape(count, RECORD - 1)
    target.write_bytes(records.tobytes())
