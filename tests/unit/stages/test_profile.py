"""What the helper profile prints of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.report.timing import Job
from advlearn.stages import profile as stage
from advlearn.stages.profile import profile, profile_table
from advlearn.support.errors import UserError
from advlearn.support.jobnotes import Note
from tests.helpers.benchmark_files import write_job


def test_a_run_without_jobs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no timed jobs"):
        profile(run=tmp_path / "nowhere")


def test_the_table_splits_work_starts_and_waiting() -> None:
    jobs = [Job("a", "x", 0, 20), Job("b", "y", 10, 11), Job("b", "z", 12, 15)]
    header, rows, sentences = profile_table(jobs, {"a": 2.0, "b": 2.0})
    assert header[0] == "stage"
    assert rows == [
        ["a", "1", "18.0", "2.0", "16.0", "83%", "20.0"],
        # The job of one second was all start.
        ["b", "2", "1.0", "3.0", "0.0", "17%", "3.0"],
        ["all", "3", "19.0", "5.0", "16.0", "100%", ""],
    ]
    text = " ".join(sentences)
    assert "at most 2 at a time; 40% of these places were waiting" in text
    assert "a takes 83%" in text
    assert "Starts take 21%" in text
    assert "a x ran alone for 16 s" in text
    assert "More cores" not in text
    assert "GPU" not in text


def test_full_places_want_more_cores() -> None:
    jobs = [Job("a", "x", 0, 20), Job("b", "y", 0, 20)]
    _, _, sentences = profile_table(jobs, {"a": 0.1, "b": 0.1})
    assert any("More cores" in sentence for sentence in sentences)
    assert not any("alone" in sentence or "Starts" in sentence for sentence in sentences)


@pytest.mark.parametrize(("others_end", "advised"), [(5, True), (20, False)])
def test_a_gpu_that_jobs_wait_for_wants_to_be_shared(others_end: float, advised: bool) -> None:
    jobs = [Job("a", "x", 0, 10), Job("a", "y", 10.5, 20), Job("b", "z", 0, others_end)]
    notes = [Note("a", 0, 1, 10, "H100"), Note("a", 10.5, 1, 20, "H100")]
    _, _, sentences = profile_table(jobs, {"a": 0.1, "b": 0.1}, notes)
    text = " ".join(sentences)
    assert "on a GPU at most 1 did so at a time" in text
    assert ("waited 5 s for it" in text) == advised
    assert ("gpu.jobs" in text) == advised


def test_the_command_takes_noted_starts_and_measures_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_job(tmp_path / "demo" / "benchmarks", "bilevel_data/iris.tsv", 4.0, 10.0)
    write_job(tmp_path / "demo" / "benchmarks", "craft/a.tsv", 3.0, 10.0)
    monkeypatch.setattr(stage, "start_seconds", lambda name: 0.5)
    monkeypatch.setattr(stage, "read_notes", lambda run: [Note("craft", 7, 2.0, 10, "cpu")])
    profile(run=tmp_path / "demo")
    printed = capsys.readouterr().out
    assert printed.startswith("Time of the run demo\n")
    assert "bilevel_data  1     3.5       0.5" in printed
    assert "craft         1     1.0       2.0" in printed


def test_a_start_is_measured() -> None:
    assert 0 < stage.start_seconds("bilevel_data") < 300
