"""Checksums of what the jobs of a run have written, held against what later jobs read.

A byte that flips on a disk leaves a table a table and an array an array. So a job of a run notes
the sha256 of each file it has written beside the lock of the run, and a job that reads the file
compares. A file that no job of this folder has written is read as it is: one's own data, a result
of the between-workflow cache, a stage that was called by hand elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path

from advlearn.support.checksums import sha256_of
from advlearn.support.errors import REBUILT, UserError
from advlearn.support.runlock import VARIABLE

# The between-workflow cache puts files in place without a job; the network weights that it holds
# carry their own digest.
_SUFFIXES = frozenset((".csv", ".json", ".npy", ".npz", ".parquet"))
# Raw files are shared by all runs of a folder, so none can say what another may have written last.
# Each has its digest in the manifest of the download.
_SHARED = ("results", "raw")
_written: dict[Path, None] = {}


def note_written(path: Path) -> None:
    """Remember that this job has written ``path``; the checksum of an older file is removed."""
    if path.suffix in _SUFFIXES:
        _written[path.absolute()] = None
        if sums := _checksum_file(path):
            sums.unlink(missing_ok=True)


def write_checksums() -> None:
    """Note the checksums of all files that this job has written: it has ended well."""
    for path in _written:
        sums = _checksum_file(path)
        if sums and path.is_file():
            sums.parent.mkdir(parents=True, exist_ok=True)
            sums.write_text(sha256_of(path), encoding="ascii")
    _written.clear()


def verify(path: Path) -> None:
    """Check that ``path`` is what a job of this run has written, if one has.

    Raises:
        UserError: its content is another.
    """
    sums = _checksum_file(path)
    if not sums or not sums.is_file() or not path.is_file():
        return
    expected = sums.read_text(encoding="ascii")
    if len(expected) == 64 and sha256_of(path) != expected:
        raise UserError(
            f"{path.name} is not what was written: it was damaged or edited",
            where=f"{path}, whose sha256 is not {expected}",
            remedy=REBUILT,
        )


def _checksum_file(path: Path) -> Path | None:
    """Where the checksum of a file is; none without a run, elsewhere, and for what runs share."""
    lock = os.environ.get(VARIABLE)
    if not lock:
        return None
    home = Path(lock).parent
    try:
        inside = Path(os.path.abspath(path)).relative_to(home.parent)  # noqa: PTH100 (keeps links)
    except ValueError:
        return None
    if inside.parts[: len(_SHARED)] == _SHARED:
        return None
    return home / "advlearn-sums" / inside.with_name(f"{inside.name}.sha256")
