"""Where the time of a run went."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from advlearn.stages import profile as stage
from advlearn.stages.profile import Job, profile, profile_table, read_jobs, usage
from advlearn.support.errors import UserError


def write_job(folder: Path, path: str, seconds: float, end: float) -> None:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\tNA\n", encoding="utf-8")
    os.utime(file, (end, end))


def test_jobs_are_read_with_their_times(tmp_path: Path) -> None:
    write_job(tmp_path, "craft/a-seed0.tsv", 4.0, 1010.0)
    write_job(tmp_path, "topk_data/topk_data.tsv", 1.0, 1002.0)
    assert read_jobs(tmp_path) == [
        Job("craft", "a-seed0", 1006.0, 1010.0),
        Job("topk_data", "topk_data", 1001.0, 1002.0),
    ]


def test_a_run_without_jobs_and_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no timed jobs"):
        read_jobs(tmp_path / "nowhere")
    write_job(tmp_path, "craft/a.tsv", 4.0, 10.0)
    (tmp_path / "craft" / "a.tsv").write_text("s\n", encoding="utf-8")
    with pytest.raises(UserError, match="no benchmark file"):
        read_jobs(tmp_path)


def test_two_places_one_of_them_waiting() -> None:
    """0 to 10 one job alone, 10 to 20 two of them, then a pause that does not count."""
    long, short, later = Job("a", "x", 0, 20), Job("b", "y", 10, 20), Job("b", "z", 500, 505)
    found = usage([later, long, short])
    assert found.most == 2
    assert found.span == 25
    assert found.waiting == 10 + 5
    assert found.alone == {long: 10, later: 5}


def test_a_job_that_begins_as_another_ends_is_not_beside_it() -> None:
    found = usage([Job("a", "x", 0, 10), Job("a", "y", 10, 20)])
    assert (found.most, found.waiting) == (1, 0)


def test_the_table_splits_work_and_starts() -> None:
    jobs = [Job("a", "x", 0, 20), Job("b", "y", 10, 11), Job("b", "z", 12, 15)]
    header, rows, sentences = profile_table(jobs, {"a": 2.0, "b": 2.0})
    assert header[0] == "stage"
    assert rows == [
        ["a", "1", "18.0", "2.0", "83%", "20.0"],
        # The job of one second was all start.
        ["b", "2", "1.0", "3.0", "17%", "3.0"],
        ["all", "3", "19.0", "5.0", "100%", ""],
    ]
    text = " ".join(sentences)
    assert "at most 2 at a time; 40% of these places were waiting" in text
    assert "a takes 83%" in text
    assert "Starts take 21%" in text
    assert "a x ran alone for 16 s" in text
    assert "More cores" not in text


def test_full_places_want_more_cores() -> None:
    jobs = [Job("a", "x", 0, 20), Job("b", "y", 0, 20)]
    _, _, sentences = profile_table(jobs, {"a": 0.1, "b": 0.1})
    assert any("More cores" in sentence for sentence in sentences)
    assert not any("alone" in sentence or "Starts" in sentence for sentence in sentences)


def test_the_command_measures_starts_and_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_job(tmp_path / "demo" / "benchmarks", "bilevel_data/iris.tsv", 4.0, 10.0)
    monkeypatch.setattr(stage, "start_seconds", lambda name: 0.5)
    profile(run=tmp_path / "demo")
    printed = capsys.readouterr().out
    assert printed.startswith("Time of the run demo\n")
    assert "bilevel_data  1     3.5" in printed


def test_a_start_is_measured() -> None:
    assert 0 < stage.start_seconds("bilevel_data") < 300
