from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from advlearn.data import fetch
from advlearn.data.catalogue import Dataset, get
from advlearn.data.fetch import obtain, read_manifest
from advlearn.settings.data import SourceSettings
from advlearn.support.errors import UserError
from advlearn.support.io import write_json
from tests.helpers.server import Server

Tiny = Callable[..., Dataset]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def fill(folder: Path, contents: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return folder


def test_mirror_wins_over_the_rest(
    server: Server, tiny: Tiny, contents: dict[str, bytes], tmp_path: Path
) -> None:
    server.hold(contents)
    mirror = fill(tmp_path / "mirror", contents)
    manifest = obtain(tiny((server.url,)), SourceSettings(mirror=mirror), tmp_path / "raw")
    assert server.hits == []
    assert {file.source for file in manifest.files} == {f"mirror {mirror}"}
    for file in manifest.files:
        assert (tmp_path / "raw" / file.name).read_bytes() == contents[file.name]


def test_mirror_by_environment_variable(
    tiny: Tiny, contents: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVLEARN_MIRROR", str(fill(tmp_path / "mirror", contents)))
    obtain(tiny(), SourceSettings(), tmp_path / "raw")
    assert set(contents) <= names_in(tmp_path / "raw")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ADVLEARN_MIRROR", "~/mirror")
    obtain(tiny(), SourceSettings(), tmp_path / "again")
    assert set(contents) <= names_in(tmp_path / "again")
    monkeypatch.setenv("ADVLEARN_MIRROR", "~nobody-has-this-name/mirror")
    with pytest.raises(UserError, match="no such home folder"):
        obtain(tiny(), SourceSettings(), tmp_path / "third")


def test_files_in_place_are_kept_and_the_manifest_is_the_same(
    server: Server, tiny: Tiny, contents: dict[str, bytes], tmp_path: Path
) -> None:
    server.hold(contents)
    dataset = tiny((server.url,))
    first = obtain(dataset, SourceSettings(), tmp_path)
    damaged = tmp_path / dataset.files[2].name
    damaged.write_bytes(b"damaged")
    kept = (tmp_path / dataset.files[0].name).stat().st_mtime_ns
    server.hits.clear()
    assert obtain(dataset, SourceSettings(), tmp_path) == first
    assert server.hits == [f"/{damaged.name}.gz"]
    assert damaged.read_bytes() == contents[damaged.name]
    assert (tmp_path / dataset.files[0].name).stat().st_mtime_ns == kept


def test_wrong_checksum_goes_on_to_the_next_source(
    server: Server,
    tiny: Tiny,
    contents: dict[str, bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.hold(contents)
    wrong = {name: data[:-1] + b"\xff" for name, data in contents.items()}
    mirror = fill(tmp_path / "mirror", wrong)
    manifest = obtain(tiny((server.url,)), SourceSettings(mirror=mirror), tmp_path / "raw")
    assert all(file.source.startswith("official") for file in manifest.files)
    assert "wrong checksum" in capsys.readouterr().err


def test_no_source_lists_every_reason_once(
    closed_address: str,
    server: Server,
    tiny: Tiny,
    contents: dict[str, bytes],
    commands: Callable[[str, str], Path],
    tmp_path: Path,
) -> None:
    wrong = {name: data[:-1] + b"\xff" for name, data in contents.items()}
    server.hold(wrong)
    dataset = tiny((closed_address, server.url), packages=("tiny-data@1.0.0",))
    with pytest.raises(UserError) as caught:
        obtain(dataset, SourceSettings(timeout_s=5), tmp_path / "raw")
    message = str(caught.value)
    for reason in ("ADVLEARN_MIRROR is set", "refused", "wrong checksum", "npm is not on"):
        assert message.count(reason) == 1
    assert closed_address in message
    assert server.url in message
    assert "tiny-data@1.0.0" in message
    assert all(file.name in caught.value.remedy for file in dataset.files)
    assert names_in(tmp_path / "raw") == set()


def test_sources_that_are_not_chosen_are_not_tried(
    server: Server, tiny: Tiny, contents: dict[str, bytes], tmp_path: Path
) -> None:
    server.hold(contents)
    with pytest.raises(UserError) as caught:
        obtain(tiny((server.url,)), SourceSettings(sources=("mirror",)), tmp_path)
    assert server.hits == []
    assert server.url not in str(caught.value)


def test_truncated_transfer_leaves_nothing(
    server: Server, tiny: Tiny, contents: dict[str, bytes], tmp_path: Path
) -> None:
    server.hold(contents)
    dataset = tiny((server.url,))
    last = dataset.files[-1].name
    server.declared[f"/{last}.gz"] = 10_000
    with pytest.raises(UserError, match="stopped"):
        obtain(dataset, SourceSettings(), tmp_path)
    assert names_in(tmp_path) == {file.name for file in dataset.files[:-1]}


def test_disk_full_is_no_fault_of_a_source(
    server: Server,
    tiny: Tiny,
    contents: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.hold(contents)
    original = Path.open

    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            return

        def write(self, _: bytes) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def opened(path: Path, mode: str = "r", *rest: Any, **more: Any) -> object:
        return Full() if "w" in mode else original(path, mode, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        with pytest.raises(UserError, match="No space left on device"):
            obtain(tiny((server.url,)), SourceSettings(), tmp_path)
    assert names_in(tmp_path) == set()
    assert len(server.hits) == 1


def test_folder_that_cannot_be_made(tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write the raw files") as caught:
        obtain(tiny(), SourceSettings(), tmp_path / "file" / "raw")
    assert str(tmp_path / "file") in caught.value.where


def test_read_only_folder(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("advlearn.data.fetch.tempfile.TemporaryDirectory", refuse)
    with pytest.raises(UserError, match="Read-only file system"):
        obtain(tiny(), SourceSettings(), tmp_path)


def test_leftovers_of_a_killed_download_are_cleared(
    tiny: Tiny, contents: dict[str, bytes], tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    (raw / ".fetch-dead").mkdir(parents=True)
    (raw / ".fetch-dead" / "half").touch()
    (raw / ".train.x.part").touch()
    mirror = fill(tmp_path / "mirror", contents)
    obtain(tiny(), SourceSettings(mirror=mirror), raw)
    assert names_in(raw) == {*contents, fetch.SOURCES_FILE}


def test_own_arrays_are_copied(tmp_path: Path) -> None:
    own = tmp_path / "own.npz"
    np.savez(own, train_images=np.zeros((2, 4, 4)))
    manifest = obtain(get("arrays"), SourceSettings(root=own), tmp_path / "raw")
    assert (tmp_path / "raw" / "arrays.npz").read_bytes() == own.read_bytes()
    assert [file.name for file in manifest.files] == ["arrays.npz"]
    for root in (None, tmp_path / "no.npz"):
        with pytest.raises(UserError) as caught:
            obtain(get("arrays"), SourceSettings(root=root), tmp_path / "raw")
        assert "sources.root" in caught.value.where


def test_manifest_survives_the_file(tmp_path: Path, tiny: Tiny, contents: dict[str, bytes]) -> None:
    mirror = fill(tmp_path / "mirror", contents)
    manifest = obtain(tiny(), SourceSettings(mirror=mirror), tmp_path / "raw")
    write_json(tmp_path / "manifest.json", manifest.to_json())
    assert read_manifest(tmp_path / "manifest.json") == manifest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"dataset": "x"}',
        '{"dataset": "x", "files": [{"name": "a"}]}',
        '{"dataset":"x","files":[{"name":"../a","sha256":"","bytes":0,"source":""}]}',
    ],
)
def test_damaged_manifest(text: str, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_manifest(path)
    assert caught.value.where == str(path)


def test_two_downloads_at_once_take_turns(
    tiny: Tiny, contents: dict[str, bytes], tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    with fetch.exclusive_folder(raw):
        code = (
            "import fcntl, os, sys\n"
            "try: fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
            "except BlockingIOError: sys.exit(7)\n"
        )
        import sys

        done = subprocess.run([sys.executable, "-c", code, str(raw)], check=False)
    assert done.returncode == 7
