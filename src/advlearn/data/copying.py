"""Moving bytes from a source to a file, telling faults of the source from those of the disk.

A source that stops, sends rubbish or too much raises ``SourceFailure``: the next one is tried.
A file that cannot be written raises ``OSError``, which no further source could mend.
"""

from __future__ import annotations

import gzip
import http.client
import tarfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO, Protocol

from advlearn.support.progress import Progress

CHUNK = 1 << 18
_FAULTS = (OSError, EOFError, zlib.error, tarfile.TarError, http.client.HTTPException)


class SourceFailure(Exception):
    """Why one source could not give a file; the next one is tried."""


class Readable(Protocol):
    """What bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


def copy_stream(
    reader: Readable,
    target: Path,
    *,
    what: str,
    limit: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Copy all of ``reader`` to ``target`` and return the number of bytes.

    Args:
        reader: where the bytes come from.
        target: file to write.
        what: name of the source for messages.
        limit: most bytes to accept.
        progress: told of every kilobyte.

    Raises:
        SourceFailure: reading failed, or there was more than ``limit``.
        OSError: writing failed.
    """
    done = 0
    with target.open("wb") as stream:
        while True:
            try:
                chunk = reader.read(CHUNK)
            except _FAULTS as error:
                raise SourceFailure(
                    f"stopped or damaged after {done} bytes: {one_line(error)}"
                ) from error
            if not chunk:
                return done
            if progress is not None:
                progress.advance((done + len(chunk)) // 1000 - done // 1000)
            done += len(chunk)
            if limit is not None and done > limit:
                raise SourceFailure(f"{what} is longer than the {limit} bytes it should have")
            stream.write(chunk)


def copy_file(source: Path, target: Path, *, limit: int | None = None) -> None:
    """Copy a file, decompressed when its name ends in ``.gz``.

    Raises:
        SourceFailure: the source cannot be read, is damaged or too long.
        OSError: the target cannot be written.
    """
    try:
        opened: IO[bytes] = source.open("rb")
    except OSError as error:
        raise SourceFailure(one_line(error)) from error
    with opened as stream:
        if source.suffix == ".gz":
            with gzip.open(stream) as plain_stream:
                copy_stream(plain_stream, target, what=source.name, limit=limit)
        else:
            copy_stream(stream, target, what=source.name, limit=limit)


def unpack(archive: IO[bytes] | Path, members: Collection[str], folder: Path) -> dict[str, Path]:
    """Take the named members out of a tar archive in one pass.

    Nothing is written under a name that the archive chooses, and links are not followed, so that no
    archive can reach outside ``folder``.

    Args:
        archive: a tar file, compressed or not, or a stream of one.
        members: paths inside the archive; a leading ``./`` in the archive does not matter.
        folder: existing folder to write to.

    Returns:
        The file of each member found; a member that is missing or no plain file is left out.

    Raises:
        SourceFailure: the archive is damaged.
        OSError: a file cannot be written.
    """
    found: dict[str, Path] = {}
    try:
        if isinstance(archive, Path):
            tar = tarfile.open(archive, mode="r|*")  # noqa: SIM115
        else:
            tar = tarfile.open(fileobj=archive, mode="r|*")  # noqa: SIM115
    except _FAULTS as error:
        raise SourceFailure(f"the archive cannot be opened: {one_line(error)}") from error
    with tar:
        while len(found) < len(members):
            try:
                entry = tar.next()
                stream = tar.extractfile(entry) if entry and entry.isreg() else None
            except _FAULTS as error:
                raise SourceFailure(f"the archive is damaged: {one_line(error)}") from error
            if entry is None:
                break
            name = entry.name.removeprefix("./")
            if stream is None or name not in members:
                continue
            target = folder / f"member{len(found)}{Path(name).suffix}"
            if copy_stream(stream, target, what=name) != entry.size:
                raise SourceFailure(f"the archive ends inside {name}")
            found[name] = target
    return found


def one_line(error: BaseException) -> str:
    """The message of an error in one line, or its type when it has none."""
    text = str(getattr(error, "strerror", None) or error).strip()
    return text.splitlines()[0] if text else type(error).__name__
