"""Reading and writing files: outputs appear whole or not at all, and no pickle is ever read."""

from __future__ import annotations

import csv
import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from advlearn.support.errors import REBUILT, UserError
from advlearn.support.leftovers import MARK
from advlearn.support.run_checksums import note_written, verify

if TYPE_CHECKING:
    import pandas as pd

_FLOATS = "%.10g"
_DAMAGED = (OSError, EOFError, ValueError, KeyError, AttributeError, BadZipFile, zlib.error)
"""What numpy raises for files that are missing, cut short, altered or of another kind."""


@contextmanager
def atomic_path(path: Path, *, keep: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that becomes ``path`` when the block ends well.

    When the block fails the temporary file is removed and an older ``path`` stays as it was. With
    ``keep`` it has a name of its own and is not removed: the next attempt finds what is in it.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if keep:
            temporary = path.with_name(f".{path.stem}.kept{path.suffix}")
        else:
            handle, name = tempfile.mkstemp(
                prefix=f".{path.stem}.", suffix=f"{MARK}{path.suffix}", dir=path.parent
            )
            os.close(handle)
            temporary = Path(name)
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
        note_written(path)
    except BrokenPipeError:  # of a line printed meanwhile: the file is not at fault
        raise
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or f'{error} (is the disk full?)'}",
            where=str(path.parent),
            remedy="make the folder writable and free some space; nothing half-written was left",
        ) from error
    finally:
        if temporary is not None and not keep:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 with Unix line ends, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as sorted, indented JSON; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: it is not what a job of this run has written.
    """
    verify(path)
    return json.loads(path.read_text(encoding="utf-8"))


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write ``frame`` without its index; floats have ten significant digits."""
    with atomic_path(path) as temporary:
        frame.to_csv(
            temporary,
            index=False,
            float_format=_FLOATS,
            lineterminator="\n",
            quoting=csv.QUOTE_NONNUMERIC if _has_return(frame) else csv.QUOTE_MINIMAL,
            encoding="utf-8",
        )


def _has_return(frame: pd.DataFrame) -> bool:
    """Whether a cell has a carriage return: unquoted by default, and a line's end to readers."""
    texts = frame.select_dtypes(exclude=["number", "bool", "datetime"])
    return any(
        "\r" in cell for column in texts for cell in texts[column].unique() if isinstance(cell, str)
    )


def as_written(value: float) -> float:
    """The number that is read again where ``write_csv`` has written ``value``."""
    return float(_FLOATS % value)


def read_csv(path: Path, **options: Any) -> pd.DataFrame:
    """Read a CSV file of ours; 'none' and 'NA' stay strings, empty cells are missing.

    Raises:
        UserError: it is not what a job of this run has written.
    """
    import pandas as pd  # the library's attacks write no tables and do without

    verify(path)
    frame: pd.DataFrame = pd.read_csv(path, keep_default_na=False, na_values=[""], **options)
    return frame


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write ``frame`` as parquet without its index."""
    with atomic_path(path) as temporary:
        frame.to_parquet(temporary, index=False)


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a parquet file.

    Raises:
        UserError: the file is missing, damaged or not what a job of this run has written.
    """
    import pandas as pd

    verify(path)
    try:
        frame: pd.DataFrame = pd.read_parquet(path)
    except _DAMAGED as error:  # pyarrow's own errors are ValueErrors
        raise _unreadable(path, error) from error
    return frame


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write one array as .npy without pickle."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)


def write_npy_blocks(
    path: Path, shape: tuple[int, ...], dtype: type[np.generic], blocks: Iterable[np.ndarray]
) -> None:
    """Write one array as .npy a block of rows at a time: it need not fit into memory.

    The file is the one that ``write_npy`` makes of the whole array.

    Args:
        path: file to write.
        shape: of the whole array.
        dtype: of the array and every block.
        blocks: (m, ...) one after the other.

    Raises:
        UserError: the folder cannot be written to, or the disk is full.
        ValueError: the blocks are not those of an array of this shape and type.
    """
    header = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(dtype)),
        "fortran_order": False,
        "shape": shape,
    }
    written = 0
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for block in blocks:
            if block.dtype != dtype or block.shape[1:] != shape[1:]:
                raise ValueError(f"a block of {block.dtype} {block.shape} for an array of {shape}")
            stream.write(np.ascontiguousarray(block).data)
            written += len(block)
        if written != shape[0]:
            raise ValueError(f"{written} rows instead of {shape[0]}")


def read_npy(path: Path, *, mmap: bool = False) -> np.ndarray:
    """Read one array; with ``mmap`` it is mapped read-only instead of loaded.

    Raises:
        UserError: the file is missing, damaged or holds pickled objects.
    """
    verify(path)
    try:
        array = np.load(path, mmap_mode="r" if mmap else None, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            array.close()
            raise ValueError("it is an archive, not one array")
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    return array


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays as compressed .npz without pickle; same arrays, same bytes."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read all named arrays of an .npz file.

    Raises:
        UserError: the file is missing, damaged or holds pickled objects.
    """
    verify(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        # numpy hands over the bytes of what is no array.
        strange = [name for name, value in arrays.items() if not isinstance(value, np.ndarray)]
        if strange:
            raise ValueError(f"{strange[0]!r} is no array")
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    return arrays


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(
        f"{path.name} cannot be read: {error}",
        where=str(path),
        remedy=REBUILT,
    )
