"""Official archives of photos: obtained through the source chain, verified, unpacked as a whole."""

from __future__ import annotations

import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from advlearn.data.catalogue import Dataset
from advlearn.data.fetch import SCRATCH, exclusive_folder, obtain
from advlearn.settings.data import SourceSettings
from advlearn.support.errors import UserError
from advlearn.support.progress import Progress

PHOTOS = "photos"
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError)


def obtain_photos(dataset: Dataset, sources: SourceSettings, folder: Path) -> Path:
    """Put the archives of a data set into ``folder`` and what they hold into ``folder/photos``.

    That folder appears when everything is unpacked, or not at all; when it is there, nothing is
    downloaded. The archives may be deleted then.

    Args:
        dataset: data set whose raw files are tar or zip archives.
        sources: the sources to try.
        folder: folder to fill, which runs may share.

    Returns:
        The folder of the unpacked files.

    Raises:
        UserError: no source has an archive, an archive is damaged or names a file outside its
            folder, or the folder cannot be written to.
    """
    photos = folder / PHOTOS
    if photos.is_dir():
        return photos
    manifest = obtain(dataset, sources, folder)
    with exclusive_folder(folder):
        if not photos.is_dir():
            try:
                with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder) as scratch:
                    unpacked = Path(scratch) / PHOTOS
                    unpacked.mkdir()
                    for file in manifest.files:
                        unpack_all(folder / file.name, unpacked)
                    unpacked.rename(photos)
            except OSError as error:
                raise UserError(
                    f"cannot unpack the photos: {error.strerror or error}",
                    where=str(folder),
                    remedy="make the folder writable and free some space; nothing was left",
                ) from error
    return photos


def unpack_all(archive: Path, folder: Path) -> None:
    """Unpack a tar or zip archive of plain files; what it names outside ``folder`` is refused.

    Raises:
        UserError: the archive is damaged, names a file outside the folder, or holds a link or
            a special file.
        OSError: a file cannot be written.
    """
    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as packed:
                entries = packed.namelist()
                progress = Progress(f"unpack {archive.name}", len(entries), "files")
                for name in entries:
                    if _leads_out(name):
                        raise zipfile.BadZipFile(f"{name!r} would be outside its folder")
                    packed.extract(name, folder)
                    progress.advance()
        else:
            with tarfile.open(archive) as tar:
                members = tar.getmembers()
                progress = Progress(f"unpack {archive.name}", len(members), "files")
                for member in members:
                    # Photos need no links, and links have led out of more than one filter.
                    if not (member.isreg() or member.isdir()):
                        raise tarfile.TarError(f"{member.name!r} is a link or a special file")
                    if _leads_out(member.name):
                        raise tarfile.TarError(f"{member.name!r} would be outside its folder")
                    tar.extract(member, folder, filter="data")
                    progress.advance()
    except _DAMAGED as error:
        raise UserError(
            f"the archive cannot be unpacked: {error}",
            where=str(archive),
            remedy="delete it and run the stage topk_data again",
        ) from error


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name
