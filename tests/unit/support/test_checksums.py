"""Tests of checksums of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from advlearn.support.checksums import check_sha256, sha256_of, sha256_of_all
from advlearn.support.errors import UserError


def test_is_the_digest_of_the_content(tmp_path: Path) -> None:
    for name, content in (("a.csv", b"1,2\n"), ("b.npz", b"")):
        (tmp_path / name).write_bytes(content)
        assert sha256_of(tmp_path / name) == hashlib.sha256(content).hexdigest()
    assert list(sha256_of_all([tmp_path / "b.npz", tmp_path / "a.csv"])) == ["b.npz", "a.csv"]


def test_one_changed_byte_is_found_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"value\n0.51\n")
    expected = sha256_of(path)
    check_sha256(path, expected, "collect")
    path.write_bytes(b"value\n0.61\n")
    with pytest.raises(UserError, match=r"a.csv is not the file that 'collect' wrote") as caught:
        check_sha256(path, expected, "collect")
    assert expected in caught.value.where
