import errno
import math
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.support import io
from advlearn.support.errors import UserError


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "table.csv"
    target.write_text("old")

    def fail() -> None:
        with io.atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_full_disk_is_a_clear_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as stream:
            stream.write(content[:1])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="No space left") as caught:
        io.write_text(tmp_path / "out.txt", "text")
    assert "free some space" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot write") as caught:
        io.write_text(tmp_path / "file" / "out.txt", "text")
    assert str(tmp_path / "file") in caught.value.where


def test_read_only_results_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests may run as root, to whom no folder is read-only.
    def denied(*args: object, **kwargs: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "mkstemp", denied)
    with pytest.raises(UserError, match="Permission denied") as caught:
        io.write_json(tmp_path / "out.json", {})
    assert "writable" in caught.value.remedy


def test_files_get_the_usual_permissions(tmp_path: Path) -> None:
    io.write_text(tmp_path / "out.txt", "text")
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "out.txt").stat().st_mode & 0o777 == 0o666 & ~mask


def test_numbers_are_known_as_they_are_written(tmp_path: Path) -> None:
    numbers = [math.pi * 1e3, 1 / 3, 1e-300, 5.0, float("inf")]
    io.write_csv(tmp_path / "a.csv", pd.DataFrame({"value": numbers}))
    found = io.read_csv(tmp_path / "a.csv")["value"].tolist()
    assert found == [io.as_written(number) for number in numbers]
    assert found[0] == 3141.592654


def test_round_trips(tmp_path: Path) -> None:
    frame = pd.DataFrame({"reduction": ["none", "pca"], "value": [0.1, None]})
    io.write_csv(tmp_path / "a.csv", frame)
    read = io.read_csv(tmp_path / "a.csv")
    assert read["reduction"].tolist() == ["none", "pca"]
    assert read["value"].isna().tolist() == [False, True]
    io.write_npy(tmp_path / "a.npy", np.arange(3))
    assert io.read_npy(tmp_path / "a.npy", mmap=True).tolist() == [0, 1, 2]
    io.write_npz(tmp_path / "a.npz", {"x": np.ones(2)})
    assert io.read_npz(tmp_path / "a.npz")["x"].tolist() == [1, 1]
    io.write_parquet(tmp_path / "a.parquet", frame)
    pd.testing.assert_frame_equal(io.read_parquet(tmp_path / "a.parquet"), frame)


def test_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        io.write_npz(tmp_path / f"{name}.npz", {"x": np.arange(100.0)})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="allow_pickle"):
        io.read_npy(tmp_path / "a.npy")


def test_nan_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        io.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no array", b"PK\x03\x04 no archive"])
def test_damaged_arrays_name_the_file_and_the_remedy(tmp_path: Path, content: bytes) -> None:
    for name, read in (("a.npy", io.read_npy), ("a.npz", io.read_npz)):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"{name} cannot be read") as caught:
            read(path)
        assert caught.value.where == str(path)
        assert "rebuilt" in caught.value.remedy


def test_altered_archive_is_found_out(tmp_path: Path) -> None:
    io.write_npz(tmp_path / "a.npz", {"x": np.arange(1000.0)})
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "a.npz").write_bytes(bytes(content))
    with pytest.raises(UserError, match="cannot be read"):
        io.read_npz(tmp_path / "a.npz")


def test_blocks_make_the_file_of_the_whole_array(tmp_path: Path) -> None:
    array = np.arange(60, dtype=np.float32).reshape(10, 2, 3)
    io.write_npy(tmp_path / "whole.npy", array)
    io.write_npy_blocks(
        tmp_path / "blocks.npy", array.shape, np.float32, iter([array[:4], array[4:5], array[5:]])
    )
    assert (tmp_path / "blocks.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
    for wrong in ([array[:4]], [array, array[:1]], [array.astype(np.float64)], [array[:, :1]]):
        with pytest.raises(ValueError, match=r"rows instead|a block of"):
            io.write_npy_blocks(tmp_path / "wrong.npy", array.shape, np.float32, wrong)
    assert not (tmp_path / "wrong.npy").exists()
