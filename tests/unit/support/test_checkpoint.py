import errno
import os
import time
from pathlib import Path

import numpy as np
import pytest

from advlearn.support import checkpoint
from advlearn.support.checkpoint import Checkpoint
from advlearn.support.codedigest import source_stamps
from advlearn.support.errors import UserError

PARTS = {
    "weights/a": {"array": np.arange(6, dtype=np.float32).reshape(2, 3), "loss": 0.1 + 0.2},
    "rows": {"rows": [{"n": 3, "value": float("nan"), "text": "ü"}], "mask": np.array([True])},
    "empty": {},
}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "_EVERY", 0.0)
    monkeypatch.setattr(checkpoint, "_INTERVAL_PER_SAVE", 0.0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "images.npy").write_bytes(b"images")
    return tmp_path / "data"


def opened(data: Path, parameters: tuple[object, ...] = ("seed", 1)) -> Checkpoint:
    return Checkpoint(
        data.parent / "out.csv", "advlearn.studies.selective.stages.retrain", parameters, (data,)
    )


def filled(data: Path) -> Path:
    job = opened(data)
    for name, part in PARTS.items():
        job.put(name, part)
    return data.parent / ".out.csv.progress"


def test_parts_come_back_as_they_were(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(data)
    again = opened(data)
    assert "resumed from" in capsys.readouterr().err
    weights, rows = again.get("weights/a"), again.get("rows")
    assert weights is not None
    assert rows is not None
    assert weights["loss"] == 0.1 + 0.2
    assert weights["array"].dtype == np.float32
    np.testing.assert_array_equal(weights["array"], PARTS["weights/a"]["array"])
    assert rows["rows"][0]["text"] == "ü"
    assert np.isnan(rows["rows"][0]["value"])
    assert rows["mask"].dtype == bool
    assert again.get("empty") == {}
    assert again.get("nowhere") is None


def test_a_step_is_done_once(data: Path) -> None:
    calls = []

    def step() -> dict[str, object]:
        calls.append(1)
        return {"pair": (1, 2.5)}

    first = opened(data).once("step", step)
    assert first == {"pair": [1, 2.5]}, "a resumed job would see another type"
    assert opened(data).once("step", step) == first
    assert len(calls) == 1


def test_nothing_is_left_after_the_end(data: Path) -> None:
    file = filled(data)
    assert file.is_file()
    opened(data).finish()
    assert [path.name for path in data.parent.iterdir()] == ["data"]


def test_a_dropped_part_is_gone(data: Path) -> None:
    filled(data)
    job = opened(data)
    job.drop("rows")
    job.put("last", {})
    assert opened(data).get("rows") is None


def test_progress_of_other_parameters_is_not_used(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(data)
    capsys.readouterr()
    assert opened(data, ("seed", 2)).get("empty") is None
    assert "the job starts anew" in capsys.readouterr().err


def test_progress_of_other_inputs_is_not_used(data: Path) -> None:
    filled(data)
    state = (data / "images.npy").stat()
    (data / "images.npy").write_bytes(b"Images")
    # A clock that stood still would not hide it.
    os.utime(data / "images.npy", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert opened(data).get("empty") is None
    (data / "images.npy").write_bytes(b"images")
    assert opened(data).get("empty") == {}
    (data / "more.npy").write_bytes(b"")
    assert opened(data).get("empty") is None


@pytest.mark.parametrize("changed", ["code_digest", "versions", "processor"])
def test_progress_of_other_code_packages_or_processors_is_not_used(
    data: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    filled(data)
    monkeypatch.setattr(checkpoint, changed, lambda *_: "another")
    assert opened(data).get("empty") is None


def test_progress_of_another_stage_is_not_used(data: Path) -> None:
    filled(data)
    other = Checkpoint(
        data.parent / "out.csv", "advlearn.studies.selective.stages.evaluate", ("seed", 1), (data,)
    )
    assert other.get("empty") is None


@pytest.mark.parametrize("place", [0, 40, 70, 300, -1])
def test_damaged_progress_is_not_used(
    data: Path, place: int, capsys: pytest.CaptureFixture[str]
) -> None:
    file = filled(data)
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(bytes(content))
    capsys.readouterr()
    assert opened(data).get("empty") is None
    assert "the job starts anew" in capsys.readouterr().err


@pytest.mark.parametrize("length", [0, 10, 64, 200])
def test_progress_that_is_cut_short_is_not_used(data: Path, length: int) -> None:
    file = filled(data)
    file.write_bytes(file.read_bytes()[:length])
    assert opened(data).get("empty") is None


def test_an_input_that_changes_meanwhile_ends_the_saving(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = opened(data)
    job.put("first", {})
    (data / "images.npy").write_bytes(b"others")
    job.put("second", {})
    assert "has changed while it ran" in capsys.readouterr().err
    assert not (data.parent / ".out.csv.progress").exists()
    assert job.get("first") == {}, "the job itself goes on"


def test_code_that_is_edited_before_the_first_save_ends_the_saving(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = opened(data)
    then = source_stamps()
    job._code = {**then, "advlearn.learners.networks.cnn": ()}
    job.put("first", {})
    assert "the code of this job has changed while it ran" in capsys.readouterr().err
    assert not (data.parent / ".out.csv.progress").exists()
    # What another stage alone reaches does not matter, nor an edit once the code was read.
    job = opened(data)
    job._code = {**then, "advlearn.embeddings.tsne": ()}
    job.put("first", {})
    assert opened(data).get("first") == {}
    job._code = {}
    job.put("second", {})
    assert opened(data).get("second") == {}


def test_a_job_that_saves_nothing_reads_no_code(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "_EVERY", 60.0)
    monkeypatch.setattr(checkpoint, "code_digest", lambda *_: pytest.fail("the code was read"))
    job = opened(data)
    job.put("first", {})
    job.finish()


def test_a_full_disk_costs_the_progress_and_not_the_job(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise UserError(os.strerror(errno.ENOSPC), where="here", remedy="none")

    monkeypatch.setattr(checkpoint, "write_bytes", full)
    job = opened(data)
    for name in "ab":
        job.put(name, {})
    job.finish()
    assert capsys.readouterr().err.count("No space left") == 1


def test_a_large_array_has_a_file_of_its_own_until_the_end(data: Path) -> None:
    made = np.arange(12.0).reshape(3, 4)
    calls = []

    def make() -> np.ndarray:
        calls.append(1)
        return made

    for _ in range(2):
        np.testing.assert_array_equal(opened(data).array("train-0", make), made)
    assert len(calls) == 1
    file = data.parent / ".out.csv.progress-train-0.npy"
    assert file.is_file()
    # Progress of other parameters leaves it alone and does not use it.
    np.testing.assert_array_equal(opened(data, ("seed", 2)).array("train-0", make), made)
    assert len(calls) == 2
    opened(data).finish()
    assert [path.name for path in data.parent.iterdir()] == ["data"]


def test_an_array_that_is_made_at_once_is_not_kept(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "_EVERY", 20.0)
    opened(data).array("train-0", lambda: np.zeros(3))
    assert [path.name for path in data.parent.iterdir()] == ["data"]


def test_a_full_disk_costs_the_array_and_not_the_job(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, array: np.ndarray) -> None:
        raise UserError(os.strerror(errno.ENOSPC), where="here", remedy="none")

    job = opened(data)
    first = job.array("train-0", lambda: np.zeros(3))
    monkeypatch.setattr(checkpoint, "write_npy", full)
    second = job.array("train-1", lambda: np.ones(3))
    assert (first.sum(), second.sum()) == (0, 3)
    assert capsys.readouterr().err.count("No space left") == 1
    assert [path.name for path in data.parent.iterdir()] == ["data"], "room is given back"


def test_saves_are_rare(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most every 20 seconds, and a hundred times as long apart as one takes."""
    monkeypatch.undo()
    now = [0.0]
    writes = []

    def write(path: Path, content: bytes) -> None:
        writes.append(now[0])
        now[0] += 1.5

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoint, "write_bytes", write)
    job = opened(data)
    for _ in range(600):
        now[0] += 1
        job.put("part", {})
    assert writes[0] == 20
    assert np.diff(writes).min() >= 150
    assert 1.5 * len(writes) < 0.02 * now[0]


def test_seconds_between_saves_can_be_given(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(checkpoint.VARIABLE, "3600")
    assert not filled(data).exists()
    monkeypatch.setenv(checkpoint.VARIABLE, "0")
    assert filled(data).exists()
    for wrong in ("often", "-1", "nan"):
        monkeypatch.setenv(checkpoint.VARIABLE, wrong)
        with pytest.raises(UserError, match="seconds between two saves"):
            opened(data)


def test_without_a_job_nothing_is_kept(tmp_path: Path) -> None:
    job = Checkpoint.off()
    assert not job.due
    assert job.once("a", lambda: {"n": 1}) == {"n": 1}
    assert job.get("a") is None
    job.save()
    job.finish()
    assert not list(tmp_path.iterdir())
