"""Checksums of files: what tells a damaged file from the one that was written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from advlearn.support.errors import UserError


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_all(paths: Iterable[Path]) -> dict[str, str]:
    """Name -> sha256 of each file, to be kept in a file beside them."""
    return {path.name: sha256_of(path) for path in paths}


def check_sha256(path: Path, expected: str, written_by: str) -> None:
    """Check that ``path`` is still what it was when its checksum was taken.

    Raises:
        UserError: its content is another; ``written_by`` names the stage to run again.
    """
    found = sha256_of(path)
    if found != expected:
        raise UserError(
            f"{path.name} is not the file that {written_by!r} wrote: it was damaged or edited",
            where=f"{path}, sha256 {found}, not {expected}",
            remedy=f"delete the file and run the workflow again: {written_by!r} writes it anew",
        )
