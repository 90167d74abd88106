from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.support import io, run_checksums, runlock
from advlearn.support.errors import UserError

FRAME = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
FILES: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "table.csv": (lambda path: io.write_csv(path, FRAME), io.read_csv),
    "table.parquet": (lambda path: io.write_parquet(path, FRAME), io.read_parquet),
    "array.npy": (lambda path: io.write_npy(path, np.arange(50.0)), io.read_npy),
    "arrays.npz": (lambda path: io.write_npz(path, {"a": np.arange(50.0)}), io.read_npz),
    "info.json": (lambda path: io.write_json(path, {"a": 1.5}), io.read_json),
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run."""
    monkeypatch.setenv(runlock.VARIABLE, str(tmp_path / ".snakemake" / "advlearn-smoke.lock"))
    monkeypatch.setattr(run_checksums, "_written", {})
    return tmp_path


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("name", FILES)
def test_each_flipped_byte_is_found(run: Path, name: str) -> None:
    write, read = FILES[name]
    path = run / "results" / name
    write(path)
    run_checksums.write_checksums()
    read(path)
    size = path.stat().st_size
    for place in {0, size // 3, size // 2, size - 2}:
        flip(path, place)
        with pytest.raises(UserError, match=f"{name} is not what was written") as caught:
            read(path)
        assert "delete the file" in caught.value.remedy
        flip(path, place)
    read(path)


def test_a_file_that_is_written_again_is_the_new_one(run: Path) -> None:
    path = run / "table.csv"
    for _ in range(2):
        io.write_csv(path, FRAME)
        run_checksums.write_checksums()
    io.write_csv(path, FRAME[:1])
    # The job has not ended: nothing is known of the new file, and nothing of the old one counts.
    assert len(io.read_csv(path)) == 1
    run_checksums.write_checksums()
    flip(path, 5)
    with pytest.raises(UserError, match="is not what was written"):
        io.read_csv(path)


def test_what_runs_share_is_not_noted(run: Path) -> None:
    """Another run may have written it since; no run's note of it can be right for both."""
    path = run / "results" / "raw" / "mnist" / "sources.json"
    io.write_json(path, {"files": []})
    run_checksums.write_checksums()
    path.write_text('{"files": [1]}', encoding="utf-8")
    assert io.read_json(path) == {"files": [1]}
    own = run / "results" / "smoke" / "sources.json"
    io.write_json(own, {"files": []})
    run_checksums.write_checksums()
    own.write_text('{"files": [1]}', encoding="utf-8")
    with pytest.raises(UserError, match="is not what was written"):
        io.read_json(own)


def test_what_no_job_wrote_is_read_as_it_is(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FRAME.to_csv(run / "own.csv", index=False)
    assert len(io.read_csv(run / "own.csv")) == 2
    monkeypatch.delenv(runlock.VARIABLE)
    io.write_csv(run / "by_hand.csv", FRAME)
    run_checksums.write_checksums()
    assert not (run / ".snakemake").exists()
