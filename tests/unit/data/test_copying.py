from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from advlearn.data.copying import SourceFailure, copy_file, copy_stream, unpack


class Breaking:
    """Gives ten bytes, then fails as a lost connection does."""

    def __init__(self) -> None:
        self.calls = 0

    def read(self, size: int, /) -> bytes:
        self.calls += 1
        if self.calls > 1:
            raise ConnectionResetError("connection reset")
        return b"0123456789"


def test_reading_that_fails_is_a_fault_of_the_source(tmp_path: Path) -> None:
    with pytest.raises(SourceFailure, match="after 10 bytes: connection reset"):
        copy_stream(Breaking(), tmp_path / "file", what="it")


def test_writing_that_fails_is_no_fault_of_the_source() -> None:
    with pytest.raises(OSError, match="No space left"):
        copy_stream(io.BytesIO(b"0" * (1 << 20)), Path("/dev/full"), what="it")


def test_more_than_expected_is_refused(tmp_path: Path) -> None:
    copy_stream(io.BytesIO(b"12345"), tmp_path / "file", what="it", limit=5)
    with pytest.raises(SourceFailure, match="longer than the 4 bytes"):
        copy_stream(io.BytesIO(b"12345"), tmp_path / "file", what="it", limit=4)


def test_gz_is_decompressed_and_a_truncated_one_refused(tmp_path: Path) -> None:
    packed = gzip.compress(bytes(range(256)) * 100)
    (tmp_path / "a.gz").write_bytes(packed)
    copy_file(tmp_path / "a.gz", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == bytes(range(256)) * 100
    (tmp_path / "b.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SourceFailure, match="damaged"):
        copy_file(tmp_path / "b.gz", tmp_path / "b")
    (tmp_path / "c.gz").write_bytes(b"no gzip at all")
    with pytest.raises(SourceFailure, match="damaged"):
        copy_file(tmp_path / "c.gz", tmp_path / "c")


def test_no_archive_reaches_outside_its_folder(tmp_path: Path, tar: Callable[..., bytes]) -> None:
    secret = tmp_path / "secret"
    secret.write_text("mine")
    hostile = tar(
        {"../escaped": b"x", "/tmp/advlearn-escaped": b"x", "./package/good": b"fine"},
        links={"package/link": str(secret), "package": str(tmp_path)},
    )
    folder = tmp_path / "deep" / "inside"
    folder.mkdir(parents=True)
    (tmp_path / "archive.tgz").write_bytes(hostile)
    wanted = {"package/good", "package/link", "../escaped"}
    found = unpack(tmp_path / "archive.tgz", wanted, folder)
    # Even a hostile name that is asked for lands inside; the link is no plain file.
    assert set(found) == {"package/good", "../escaped"}
    assert all(path.parent == folder for path in found.values())
    assert found["package/good"].read_bytes() == b"fine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["archive.tgz", "deep", "secret"]
    assert not (tmp_path / "deep" / "escaped").exists()
    assert not Path("/tmp/advlearn-escaped").exists()


def test_truncated_and_foreign_archives(tmp_path: Path, tar: Callable[..., bytes]) -> None:
    whole = tar({"a": bytes(1000), "b": bytes(range(256)) * 400})
    path = tmp_path / "archive.tgz"
    path.write_bytes(whole[: len(whole) - 40])
    with pytest.raises(SourceFailure, match="damaged"):
        unpack(path, {"b", "c"}, tmp_path)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(SourceFailure, match="cannot be opened"):
        unpack(path, {"b"}, tmp_path)
