"""The source chain: every raw file of a data set, verified, from the first source that has it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from advlearn.data.catalogue import Dataset, RawFile
from advlearn.data.copying import SourceFailure, copy_file
from advlearn.data.sources import (
    MIRROR_VARIABLE,
    FolderPlace,
    NoMirror,
    PackagePlace,
    Place,
    UrlPlace,
)
from advlearn.settings.base import at_home
from advlearn.settings.data import SourceSettings
from advlearn.support.checksums import sha256_of
from advlearn.support.errors import UserError
from advlearn.support.io import atomic_path, read_json, write_json

ARRAYS_FILE = "arrays.npz"
SOURCES_FILE = "sources.json"
SCRATCH = ".fetch-"


@dataclass(frozen=True)
class Fetched:
    """A raw file that is in place and verified.

    Attributes:
        name: file name inside the raw folder.
        sha256: hexadecimal digest.
        bytes: size.
        source: where it came from.
    """

    name: str
    sha256: str
    bytes: int
    source: str


@dataclass(frozen=True)
class Manifest:
    """The raw files of one data set."""

    dataset: str
    files: tuple[Fetched, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values for a JSON file."""
        return {"dataset": self.dataset, "files": [asdict(file) for file in self.files]}


def read_manifest(path: Path) -> Manifest:
    """Read a manifest that the stage download wrote.

    Raises:
        UserError: it is missing, damaged, or names files outside its folder.
    """
    try:
        value = read_json(path)
        files = tuple(Fetched(**entry) for entry in value["files"])
        manifest = Manifest(str(value["dataset"]), files)
        if any(Path(file.name).name != file.name for file in files):
            raise ValueError("a file name contains a folder")
    except UserError:
        raise
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"the manifest of the raw files cannot be read: {error}",
            where=str(path),
            remedy="delete it and run the stage download again",
        ) from error
    return manifest


def obtain(dataset: Dataset, settings: SourceSettings, folder: Path) -> Manifest:
    """Put every raw file of ``dataset`` into ``folder``, each verified by its SHA-256 digest.

    Files that are there already with the right digest are kept. Nothing half-written stays,
    whatever happens.

    Args:
        dataset: the data set.
        settings: the sources to try.
        folder: folder of the raw files, created if missing.

    Raises:
        UserError: no source has a file (every source is listed with its reason), or the folder
            cannot be written to.
    """
    with _writable(folder), exclusive_folder(folder), _scratch(folder) as scratch:
        if dataset.reader == "arrays":
            return Manifest(dataset.name, (_own_arrays(settings, folder),))
        places = _places(dataset, settings, scratch)
        before = _sources_before(folder)
        said: set[str] = set()
        fetched = []
        for file in dataset.files:
            target = folder / file.name
            if target.is_file() and sha256_of(target) == file.sha256:
                source = before.get(file.sha256, "in place already")
            else:
                source = _fetch_first(dataset, file, places, target, said)
            fetched.append(Fetched(file.name, file.sha256, file.size, source))
        if fetched:
            write_json(folder / SOURCES_FILE, {file.sha256: file.source for file in fetched})
        return Manifest(dataset.name, tuple(fetched))


def _places(dataset: Dataset, settings: SourceSettings, scratch: Path) -> list[Place]:
    """The places to try, in order."""
    places: list[Place] = []
    dead: dict[str, str] = {}
    for kind in settings.sources if dataset.files else ():
        if kind == "mirror":
            mirror = settings.mirror or _mirror_of_environment()
            if settings.root is not None:
                places.append(FolderPlace(dataset, settings.root, "root", scratch))
            if mirror:
                places.append(FolderPlace(dataset, mirror, "mirror", scratch))
            elif settings.root is None:
                places.append(NoMirror())
        elif kind == "official":
            places.extend(
                UrlPlace(dataset, position, settings.timeout_s, scratch, dead)
                for position in range(len(dataset.files[0].official))
            )
        else:
            places.extend(
                PackagePlace(dataset, position, scratch)
                for position in range(len(dataset.files[0].packages))
            )
    return places


def _mirror_of_environment() -> Path | None:
    given = os.environ.get(MIRROR_VARIABLE)
    try:
        return at_home(Path(given)) if given else None
    except ValueError as error:
        raise UserError(
            f"the mirror cannot be found: {error}",
            where=f"environment variable {MIRROR_VARIABLE}={given}",
            remedy="set it to the path of a folder",
        ) from error


def _fetch_first(
    dataset: Dataset, file: RawFile, places: list[Place], target: Path, said: set[str]
) -> str:
    """Fetch one file from the first place that has it and return that place's label."""
    reasons = []
    for place in places:
        try:
            with atomic_path(target) as partial:
                place.fetch(file, partial)
                found = sha256_of(partial)
                if found != file.sha256:
                    raise SourceFailure(
                        f"wrong checksum of {file.name}: sha256 {found[:12]}... instead of "
                        f"{file.sha256[:12]}..."
                    )
        except SourceFailure as failure:
            reasons.append(f"{place.label}: {failure}")
            if reasons[-1] not in said:
                said.add(reasons[-1])
                _say(dataset, f"not from {reasons[-1]}")
        else:
            _say(dataset, f"{file.name} from {place.label}")
            return place.label
    names = ", ".join(each.name for each in dataset.files)
    listed = "".join(f"\n    - {reason}" for reason in reasons)
    raise UserError(
        f"{file.name} of the data set {dataset.name!r} could not be had from any source:{listed}",
        where=f"configuration section 'sources'; the file was wanted as {target}",
        remedy=f"put {names} (raw or as .gz) into FOLDER/{dataset.name}/ and set 'sources.mirror: "
        f"FOLDER' or the environment variable {MIRROR_VARIABLE} (docs/own-data.md)",
    )


def _say(dataset: Dataset, text: str) -> None:
    print(f"[download {dataset.name}] {text}", file=sys.stderr, flush=True)


def _sources_before(folder: Path) -> dict[str, str]:
    """Where kept files came from, by digest, so that a second manifest equals the first."""
    try:
        return {str(key): str(value) for key, value in read_json(folder / SOURCES_FILE).items()}
    except UserError:
        raise
    except (OSError, ValueError, AttributeError):
        return {}


def _own_arrays(settings: SourceSettings, folder: Path) -> Fetched:
    """Copy the user's arrays, so that the run keeps what it was computed from."""
    root = settings.root
    if root is None:
        raise UserError(
            "the data set 'arrays' needs the path of an .npz file",
            where="configuration key 'sources.root': null",
            remedy="set it to the path of your .npz file (docs/own-data.md)",
        )
    target = folder / ARRAYS_FILE
    try:
        with atomic_path(target) as partial:
            copy_file(root, partial)
    except SourceFailure as failure:
        raise UserError(
            f"the arrays cannot be read: {failure}",
            where=f"configuration key 'sources.root': {root}",
            remedy="give the path of a readable .npz file (docs/own-data.md)",
        ) from failure
    return Fetched(ARRAYS_FILE, sha256_of(target), target.stat().st_size, f"root {root}")


@contextlib.contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(
            f"cannot write the raw files: {error.strerror or error}",
            where=str(folder),
            remedy="make the folder writable and free some space; nothing half-written was left",
        ) from error


@contextlib.contextmanager
def exclusive_folder(folder: Path) -> Iterator[None]:
    """Let one process at a time fill the folder, and clear what a killed one left there.

    Another process waits, and says so. Not for one that holds the folder already.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"[download] another run fills {folder}: waiting for it", file=sys.stderr)
                fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            # Some network file systems lock no folders: leftovers may then be another process's.
            yield
            return
        for leftover in [*folder.glob(f"{SCRATCH}*"), *folder.glob(".*.part*")]:
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder) as name:
        yield Path(name)
