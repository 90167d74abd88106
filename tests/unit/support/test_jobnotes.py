"""What jobs note of themselves."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from advlearn.support import jobnotes
from advlearn.support.jobnotes import Note, begin_work, read_notes, write_note


@pytest.fixture(autouse=True)
def job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobnotes, "_own", {})
    monkeypatch.setattr(jobnotes, "_BEGAN", time.time() - 5)


def test_a_note_is_read_again(tmp_path: Path) -> None:
    lock = tmp_path / "advlearn-demo.lock"
    begin_work("NVIDIA H100")
    write_note(lock, "craft", ["--seed", "0", "--out", "results/demo/a.npy"])
    (note,) = read_notes("demo", tmp_path)
    assert (note.stage, note.device) == ("craft", "NVIDIA H100")
    assert 5 <= note.start <= note.end - note.begin < 20
    assert read_notes("smoke", tmp_path) == []


def test_a_job_that_is_done_again_replaces_its_note(tmp_path: Path) -> None:
    lock = tmp_path / "advlearn-demo.lock"
    for device in ("NVIDIA H100", "cpu"):
        begin_work(device)
        write_note(lock, "craft", ["--device", device, "--out", "a.npy"])
    write_note(lock, "craft", ["--out", "b.npy"])
    assert [note.device for note in read_notes("demo", tmp_path)] == ["cpu", "cpu"]


def test_jobs_of_several_studies_with_one_folder_note_themselves_each(tmp_path: Path) -> None:
    lock = tmp_path / "advlearn-demo.lock"
    for study in ("topk", "bilevel", "topk"):
        write_note(lock, "tables", ["--study", study, "--out", "paper/tables"])
    assert [note.output for note in read_notes("demo", tmp_path)] == ["paper/tables"] * 2


@pytest.mark.parametrize("text", ["", "[]", '{"stage": "craft"}', "null"])
def test_what_is_no_note_is_left_out(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "advlearn-demo" / "jobs" / "craft"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps(Note("craft", 0, 1, 2, "cpu")._asdict()))
    (folder / "b.json").write_text(text)
    assert read_notes("demo", tmp_path) == [Note("craft", 0, 1, 2, "cpu")]
