from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from advlearn.data.catalogue import Dataset, RawFile
from advlearn.data.multilabel.archives import obtain_photos, unpack_all
from advlearn.settings.data import SourceSettings
from advlearn.support.errors import UserError
from tests.helpers.server import Server


def tar(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            packed.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return buffer.getvalue()


CONTENTS = {"a.tar": tar({"kit/x.jpg": b"x"}), "b.zip": zipped({"kit/y.jpg": b"y", "n.json": b""})}


def dataset(contents: dict[str, bytes], address: str = "http://127.0.0.1:9/") -> Dataset:
    files = tuple(
        RawFile(
            name,
            "archive",
            hashlib.sha256(content).hexdigest(),
            len(content),
            (f"{address}{name}",),
            (),
            "",
        )
        for name, content in contents.items()
    )
    return Dataset("tiny", "Tiny", "photos", 0, 0, (), (), "none", "none", files)


def mirror(folder: Path, contents: dict[str, bytes]) -> SourceSettings:
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return SourceSettings(mirror=folder, sources=("mirror",))


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_archives_are_verified_and_unpacked_once(tmp_path: Path) -> None:
    sources = mirror(tmp_path / "mirror", CONTENTS)
    raw = tmp_path / "raw"
    photos = obtain_photos(dataset(CONTENTS), sources, raw)
    assert photos == raw / "photos"
    assert names_in(photos) == {"kit/x.jpg", "kit/y.jpg", "n.json"}
    assert {path.name for path in raw.iterdir()} == {*CONTENTS, "photos", "sources.json"}
    nowhere = SourceSettings(mirror=tmp_path / "none", sources=("mirror",))
    for name in CONTENTS:
        (raw / name).unlink()
    assert obtain_photos(dataset(CONTENTS), nowhere, raw) == photos


def test_official_addresses(server: Server, tmp_path: Path) -> None:
    server.pages = {f"/{name}": content for name, content in CONTENTS.items()}
    server.declared["/b.zip"] = len(CONTENTS["b.zip"]) + 1
    official = SourceSettings(sources=("official",))
    with pytest.raises(UserError, match="the transfer stopped"):
        obtain_photos(dataset(CONTENTS, server.url), official, tmp_path)
    assert names_in(tmp_path) == {"a.tar"}
    server.declared.clear()
    photos = obtain_photos(dataset(CONTENTS, server.url), official, tmp_path)
    assert names_in(photos) == {"kit/x.jpg", "kit/y.jpg", "n.json"}
    assert server.hits == ["/a.tar", "/b.zip", "/b.zip"], "a whole archive is kept"


def test_an_archive_of_another_content_is_refused(tmp_path: Path) -> None:
    sources = mirror(tmp_path / "mirror", {**CONTENTS, "b.zip": CONTENTS["b.zip"][:-1] + b"x"})
    with pytest.raises(UserError, match="wrong checksum"):
        obtain_photos(dataset(CONTENTS), sources, tmp_path / "raw")
    assert not (tmp_path / "raw" / "photos").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.zip", zipped({"good.jpg": b"", "../out.jpg": b""})),
        ("x.zip", zipped({"/out.jpg": b""})),
        ("x.zip", CONTENTS["b.zip"][:60]),
        ("x.tar", tar({"good.jpg": b"", "../out.jpg": b""})),
        ("x.tar", tar({"link/out.jpg": b""}, {"link": ".."})),
        ("x.tar", tar({"good.jpg": b"12345"})[:514]),
        ("x.tar", b"no archive"),
    ],
    # The bytes of a zip file tell the time at which it was made, and would be names of tests.
    ids=["above in a zip", "root in a zip", "cut zip", "above", "link", "cut tar", "no archive"],
)
def test_no_archive_reaches_outside_and_nothing_half_done_stays(
    name: str, content: bytes, tmp_path: Path
) -> None:
    sources = mirror(tmp_path / "mirror", {name: content})
    with pytest.raises(UserError, match="cannot be unpacked") as caught:
        obtain_photos(dataset({name: content}), sources, tmp_path / "raw")
    assert caught.value.where.endswith(name)
    assert names_in(tmp_path) == {f"mirror/{name}", f"raw/{name}", "raw/sources.json"}


def test_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "extract", full)
    sources = mirror(tmp_path / "mirror", CONTENTS)
    with pytest.raises(UserError, match="No space left on device"):
        obtain_photos(dataset(CONTENTS), sources, tmp_path / "raw")
    assert {path.name for path in (tmp_path / "raw").iterdir()} == {*CONTENTS, "sources.json"}


def test_unpacking_keeps_the_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 50
    for name, packed in (("x.tar", tar({"d/e": content})), ("x.zip", zipped({"d/f": content}))):
        (tmp_path / name).write_bytes(packed)
        unpack_all(tmp_path / name, tmp_path)
    assert (tmp_path / "d/e").read_bytes() == (tmp_path / "d/f").read_bytes() == content
