"""Perturbed images written to a file batch by batch; memory holds one batch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from advlearn.attacks.topk.engine import Sink


class PerturbedImages:
    """A ``.npy`` file that is filled from its first row on.

    A file of this shape that a killed job has left is kept, and its rows with it.

    Args:
        path: the file.
        shape: images, channels, height and width; without images the file has no rows.
    """

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        self._filled = 0
        self._rows: np.ndarray | None = None
        if shape[0]:
            self._rows = _reopened(path, shape)
            if self._rows is None:
                self._rows = np.lib.format.open_memmap(
                    path, mode="w+", dtype=np.float32, shape=shape
                )
        else:
            with path.open("wb") as stream:
                np.save(stream, np.zeros(shape, dtype=np.float32), allow_pickle=False)

    def next(self, count: int) -> PerturbedRows:
        """The next ``count`` rows of the file."""
        first, self._filled = self._filled, self._filled + count
        return PerturbedRows(None if self._rows is None else self._rows[first : self._filled])


@dataclass(frozen=True, eq=False)
class PerturbedRows:
    """Rows of the file, in the order of the images of one task; none where none are kept."""

    rows: np.ndarray | None

    def sink(self, positions: list[int]) -> Sink | None:
        """Writes the images at ``positions`` to the rows, in this order."""
        if self.rows is None:
            return None
        rows = self.rows
        row = {position: number for number, position in enumerate(positions)}

        def write(finished: list[int], perturbed: Tensor) -> None:
            rows[[row[position] for position in finished]] = perturbed.cpu().numpy()

        return write

    def digest(self) -> str:
        """Hexadecimal digest of what the rows hold."""
        held = b"" if self.rows is None else np.ascontiguousarray(self.rows).data
        return hashlib.blake2b(held, digest_size=16).hexdigest()


def _reopened(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        rows: np.ndarray = np.lib.format.open_memmap(path, mode="r+")
    except (OSError, ValueError):
        return None
    return rows if rows.shape == shape and rows.dtype == np.float32 else None
