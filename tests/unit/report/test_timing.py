"""Where the time of a run went: jobs, places, starts, GPUs."""

from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.report.timing import (
    Job,
    by_stage,
    gpu_waits,
    read_jobs,
    rows_of_record,
    usage,
)
from advlearn.support.errors import UserError
from advlearn.support.jobnotes import CPU, Note
from tests.helpers.benchmark_files import write_job

GPU = "NVIDIA H100"


def test_jobs_are_read_with_their_times(tmp_path: Path) -> None:
    write_job(tmp_path, "craft/a-seed0.tsv", 4.0, 1010.0, "100.5")
    write_job(tmp_path, "topk_data/topk_data.tsv", 1.0, 1002.0)
    assert read_jobs(tmp_path) == [
        Job("craft", "a-seed0", 1006.0, 1010.0, 100.5),
        Job("topk_data", "topk_data", 1001.0, 1002.0, None),
    ]


def test_a_run_without_jobs_and_a_file_that_is_none(tmp_path: Path) -> None:
    assert read_jobs(tmp_path / "nowhere") == []
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
    assert found.beside == {"a": 10, "b": 5}
    assert found.alone == {long: 10, later: 5}


def test_jobs_side_by_side_share_the_places_that_are_empty_beside_them() -> None:
    found = usage([Job("a", "x", 0, 10), Job("b", "y", 0, 10), Job("c", "z", 0, 4)])
    assert found.beside == {"a": 3, "b": 3, "c": 0}


def test_a_job_that_begins_as_another_ends_is_not_beside_it() -> None:
    found = usage([Job("a", "x", 0, 10), Job("a", "y", 10, 20)])
    assert (found.most, found.waiting) == (1, 0)


def as_jobs(*spans: tuple[float, float], stage: str = "craft") -> list[Job]:
    return [Job(stage, str(number), *span) for number, span in enumerate(spans)]


def noted(*spans: tuple[float, float], device: str = GPU) -> list[Note]:
    return [Note("craft", begin, 1.0, end, device) for begin, end in spans]


def test_jobs_that_wait_for_the_gpu_beside_empty_places() -> None:
    """Two places of which one is the GPU's: the third job could have begun with the first."""
    spans = ((0.0, 10.0), (11.0, 20.0))
    jobs = [*as_jobs(*spans), *as_jobs((0.0, 4.0), stage="select")]
    assert gpu_waits(noted(*spans), jobs) == (6.0, 1)
    # The other place was taken all the time.
    busy = [*as_jobs(*spans), *as_jobs((0.0, 20.0), stage="select")]
    assert gpu_waits(noted(*spans), busy) == (0.0, 1)
    # Nobody followed at once: the next job waited for something else.
    late = ((0.0, 10.0), (30.0, 40.0))
    assert gpu_waits(noted(*late), [*as_jobs(*late), *jobs[2:]]) == (0.0, 1)
    # On the CPU nothing waits for a GPU.
    assert gpu_waits(noted(*spans, device=CPU), jobs) == (0.0, 0)


def test_the_record_of_a_stage() -> None:
    jobs = [Job("craft", "a", 0, 20, 300.0), Job("craft", "b", 0, 0.5), Job("select", "c", 20, 21)]
    notes = [*noted((0, 20)), Note("craft", 0, 3.0, 0.5, CPU)]
    assert by_stage(jobs, notes) == {
        "craft": {
            "jobs": 2, "seconds": 20.5, "longest_seconds": 20, "start_seconds": 2.5,
            "waiting_seconds": 19.5, "peak_mib": 300.0, "devices": {GPU: 1, CPU: 1},
        },
        "select": {
            "jobs": 1, "seconds": 1, "longest_seconds": 1, "start_seconds": None,
            "waiting_seconds": 1.0, "peak_mib": None, "devices": None,
        },
    }  # fmt: skip
    assert by_stage([], notes) == {}


def test_the_record_as_a_table() -> None:
    """Also one without the newer keys, and one without times."""
    of = {"jobs": 2, "seconds": 20.5, "start_seconds": 2.5, "waiting_seconds": 19.5,
          "longest_seconds": 20, "peak_mib": 300.0, "devices": {GPU: 1, CPU: 1}}  # fmt: skip
    old = {"jobs": 1, "seconds": 30.0, "longest_seconds": 30.0, "peak_mib": None}
    header, rows = rows_of_record({"stages": {"craft": of, "embed": old, "pretrain": None}})
    assert header[:5] == ["stage", "jobs", "work (s)", "start (s)", "waiting (s)"]
    assert rows == [
        ["embed", "1", "30.0", "–", "–", "30.0", "–", "–"],
        ["craft", "2", "18.0", "2.5", "19.5", "20.0", "300.0", f"{GPU}: 1, {CPU}: 1"],
    ]
    assert rows_of_record({"record": None}) == (header, [])
