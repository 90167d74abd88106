from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from advlearn.data.catalogue import Dataset, PackageMember, RawFile
from advlearn.data.copying import SourceFailure
from advlearn.data.sources import FolderPlace, NoMirror, PackagePlace, UrlPlace, open_url
from tests.helpers.server import Server

Tiny = Callable[..., Dataset]


def test_address_decompresses(
    server: Server, tiny: Tiny, contents: dict[str, bytes], tmp_path: Path
) -> None:
    server.hold(contents)
    dataset = tiny((server.url,))
    place = UrlPlace(dataset, 0, 5, tmp_path, {})
    for file in dataset.files:
        place.fetch(file, tmp_path / file.name)
        assert (tmp_path / file.name).read_bytes() == contents[file.name]


def test_address_takes_members_out_of_one_download(
    server: Server,
    tiny: Tiny,
    contents: dict[str, bytes],
    tar: Callable[..., bytes],
    tmp_path: Path,
) -> None:
    server.pages["/all.tar.gz"] = tar({f"d/{name}": data for name, data in contents.items()})
    dataset = tiny((f"{server.url}all.tar.gz#d/",), suffix="")
    place = UrlPlace(dataset, 0, 5, tmp_path, {})
    for file in dataset.files:
        place.fetch(file, tmp_path / file.name)
        assert (tmp_path / file.name).read_bytes() == contents[file.name]
    assert server.hits == ["/all.tar.gz"]


def test_missing_page_leaves_the_host_alive(server: Server, tiny: Tiny, tmp_path: Path) -> None:
    dataset = tiny((server.url,))
    dead: dict[str, str] = {}
    place = UrlPlace(dataset, 0, 5, tmp_path, dead)
    for file in dataset.files[:2]:
        with pytest.raises(SourceFailure, match="404"):
            place.fetch(file, tmp_path / "x")
    assert len(server.hits) == 2
    assert dead == {}


def test_truncated_transfer_is_noticed(
    server: Server, tiny: Tiny, contents: dict[str, bytes], tmp_path: Path
) -> None:
    server.hold(contents)
    name = next(iter(contents))
    server.declared[f"/{name}.gz"] = len(server.pages[f"/{name}.gz"]) + 100
    dataset = tiny((server.url,))
    with pytest.raises(SourceFailure, match="stopped"):
        UrlPlace(dataset, 0, 5, tmp_path, {}).fetch(dataset.files[0], tmp_path / "x")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """Addresses that were asked, and how long each was given."""
    made: list[tuple[str, float]] = []

    def counting(url: str, timeout_s: float) -> object:
        made.append((url, timeout_s))
        return open_url(url, timeout_s)

    monkeypatch.setattr("advlearn.data.sources.open_url", counting)
    return made


def test_a_host_that_refuses_is_asked_once(
    closed_address: str, tiny: Tiny, asked: list[tuple[str, float]], tmp_path: Path
) -> None:
    dataset = tiny((closed_address,))
    place = UrlPlace(dataset, 0, 5, tmp_path, {})
    for file in dataset.files:
        with pytest.raises(SourceFailure, match="refused"):
            place.fetch(file, tmp_path / "x")
    assert len(asked) == 1


def test_a_host_that_stalls_is_left_in_time_and_asked_once(
    server: Server, tiny: Tiny, asked: list[tuple[str, float]], tmp_path: Path
) -> None:
    dataset = tiny((server.url,))
    server.stalled = {f"/{file.name}.gz" for file in dataset.files}
    place = UrlPlace(dataset, 0, 0.3, tmp_path, {})
    for file in dataset.files:
        with pytest.raises(SourceFailure, match=r"time|no answer"):
            place.fetch(file, tmp_path / "x")
    assert [patience for _, patience in asked] == [0.3]


def test_only_web_addresses(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(ValueError, match="not a web address"):
        open_url(f"file://{tmp_path}/x", 1)


@pytest.mark.parametrize("below", ["", "tiny", "raw"])
@pytest.mark.parametrize("packed", [False, True])
def test_folder_layouts(
    below: str, packed: bool, tiny: Tiny, contents: dict[str, bytes], tmp_path: Path
) -> None:
    import gzip

    place = tmp_path / "mirror" / below
    place.mkdir(parents=True)
    for name, data in contents.items():
        if packed:
            (place / f"{name}.gz").write_bytes(gzip.compress(data))
        else:
            (place / name).write_bytes(data)
    dataset = tiny()
    mirror = FolderPlace(dataset, tmp_path / "mirror", "mirror", tmp_path)
    for file in dataset.files:
        mirror.fetch(file, tmp_path / "x")
        assert (tmp_path / "x").read_bytes() == contents[file.name]


def test_folder_with_the_official_archive(
    tiny: Tiny, contents: dict[str, bytes], tar: Callable[..., bytes], tmp_path: Path
) -> None:
    dataset = tiny(("https://example.org/all.tar.gz#d/",), suffix="")
    held = tmp_path / "mirror"
    held.mkdir()
    (held / "all.tar.gz").write_bytes(tar({f"d/{n}": data for n, data in contents.items()}))
    mirror = FolderPlace(dataset, held, "mirror", tmp_path)
    for file in dataset.files:
        mirror.fetch(file, tmp_path / "x")
        assert (tmp_path / "x").read_bytes() == contents[file.name]


def test_folder_without_the_file(tiny: Tiny, tmp_path: Path) -> None:
    dataset = tiny()
    with pytest.raises(SourceFailure, match="holds neither"):
        FolderPlace(dataset, tmp_path, "mirror", tmp_path).fetch(dataset.files[0], tmp_path / "x")
    with pytest.raises(SourceFailure, match="no such folder"):
        FolderPlace(dataset, tmp_path / "no", "root", tmp_path).fetch(
            dataset.files[0], tmp_path / "x"
        )
    with pytest.raises(SourceFailure, match="ADVLEARN_MIRROR"):
        NoMirror().fetch(dataset.files[0], tmp_path / "x")


NPM = """
import pathlib, shutil, sys
log = pathlib.Path({log!r})
log.write_text((log.read_text() if log.exists() else "") + " ".join(sys.argv[1:]) + "\\n")
shutil.copy({archive!r}, "package.tgz")
"""


def test_npm_is_called_once(
    tiny: Tiny,
    contents: dict[str, bytes],
    tar: Callable[..., bytes],
    commands: Callable[[str, str], Path],
    tmp_path: Path,
) -> None:
    archive, log = tmp_path / "a.tgz", tmp_path / "log"
    archive.write_bytes(tar({f"package/{name}": data for name, data in contents.items()}))
    commands("npm", NPM.format(archive=str(archive), log=str(log)))
    dataset = tiny(packages=("tiny-data@1.0.0",))
    place = PackagePlace(dataset, 0, tmp_path)
    for file in dataset.files:
        place.fetch(file, tmp_path / "x")
        assert (tmp_path / "x").read_bytes() == contents[file.name]
    assert log.read_text().splitlines() == [
        "pack tiny-data@1.0.0 --silent --ignore-scripts --fetch-retries=0"
    ]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; sys.stderr.write('npm warn old\\nnpm error 404\\n'); sys.exit(1)", "404"),
        ("import sys; sys.exit(3)", "exit status 3"),
        ("pass", "left no package"),
        ("open('package.tgz', 'wb').write(b'junk')", "cannot be opened"),
    ],
)
def test_npm_that_fails_is_called_once(
    code: str, reason: str, tiny: Tiny, commands: Callable[[str, str], Path], tmp_path: Path
) -> None:
    count = f"open({str(tmp_path / 'count')!r}, 'a').write('x')\n"
    commands("npm", count + code)
    dataset = tiny(packages=("tiny-data@1.0.0",))
    place = PackagePlace(dataset, 0, tmp_path)
    for file in dataset.files:
        with pytest.raises(SourceFailure, match=reason):
            place.fetch(file, tmp_path / "x")
    assert (tmp_path / "count").read_text() == "x"


def test_a_command_that_is_absent_is_said(
    tiny: Tiny, commands: Callable[[str, str], Path], tmp_path: Path
) -> None:
    dataset = tiny(packages=("tiny-data@1.0.0",))
    with pytest.raises(SourceFailure, match="npm is not on this machine"):
        PackagePlace(dataset, 0, tmp_path).fetch(dataset.files[0], tmp_path / "x")


APT = """
import os, shutil, sys
if sys.argv[1] == "update":
    open({lists!r}, "w").close()
elif os.path.exists({lists!r}):
    shutil.copy({archive!r}, "tiny.deb")
else:
    sys.exit("E: Unable to locate package tiny")
"""
DPKG = "import shutil, sys; shutil.copyfileobj(open(sys.argv[2], 'rb'), sys.stdout.buffer)"


def test_debian_package_with_private_lists(
    tiny: Tiny,
    contents: dict[str, bytes],
    tar: Callable[..., bytes],
    commands: Callable[[str, str], Path],
    tmp_path: Path,
) -> None:
    archive = tmp_path / "data.tgz"
    archive.write_bytes(tar({f"./usr/{name}": data for name, data in contents.items()}))
    commands("apt-get", APT.format(lists=str(tmp_path / "lists"), archive=str(archive)))
    file = tiny().files[0]
    member = PackageMember("deb", "tiny", (f"usr/{file.name}",))
    file = RawFile(file.name, file.role, file.sha256, file.size, (), (member,), "")
    dataset = Dataset("tiny", "", "idx", 40, 10, (1, 4, 4), ("0", "1"), "", "", (file,))
    with pytest.raises(SourceFailure, match="dpkg-deb is not on this machine"):
        PackagePlace(dataset, 0, tmp_path / "none").fetch(file, tmp_path / "x")
    commands("dpkg-deb", DPKG)
    PackagePlace(dataset, 0, tmp_path).fetch(file, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == contents[file.name]
