"""How jobs share GPUs, on machines that have none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from advlearn.support import gpu
from advlearn.support.errors import UserError


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    gpu.memories.cache_clear()
    yield
    gpu.memories.cache_clear()


def driver(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A machine whose nvidia-smi runs this script."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_the_driver_is_asked_for_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(
        tmp_path, monkeypatch, 'test "$1" = --query-gpu=memory.total && echo 81559 && echo 24564'
    )
    assert gpu.memories() == (81559, 24564)


@pytest.mark.parametrize("script", ["exit 9", "echo no devices were found", "exec nothing-there"])
def test_a_driver_that_does_not_answer_is_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    driver(tmp_path, monkeypatch, script)
    assert gpu.memories() == ()


def test_a_machine_without_a_driver_has_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu.memories() == ()


@pytest.mark.parametrize(
    ("asked", "memory", "wanted", "jobs"),
    [
        (None, (81559,), gpu.JOB_MB, 16),
        (None, (24564,), gpu.JOB_MB, 5),
        (None, (81559, 8192), gpu.JOB_MB, 2),
        (None, (2048,), gpu.JOB_MB, 1),
        (None, (), gpu.JOB_MB, 4),
        (None, (81559,), 11_500, 7),
        (None, (8192,), 11_500, 1),
        (None, (), 11_500, 1),
        (3, (81559,), gpu.JOB_MB, 3),
        (32, (), gpu.JOB_MB, 32),
        (8, (8192,), 11_500, 8),
    ],
)
def test_jobs_by_the_memory_unless_the_configuration_says(
    asked: int | None, memory: tuple[int, ...], wanted: int, jobs: int
) -> None:
    assert gpu.jobs_at_once(asked, memory, wanted) == jobs


@pytest.mark.parametrize("jobs", range(1, 65))
def test_as_many_shares_as_jobs_fit_into_a_gpu(jobs: int) -> None:
    assert gpu.WHOLE // (gpu.WHOLE // jobs) == jobs


def test_a_job_takes_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(gpu.VARIABLE, raising=False)
    assert gpu.share() == 1
    # What a rule says of a job on the CPU.
    monkeypatch.setenv(gpu.VARIABLE, "0")
    assert gpu.share() == 1
    monkeypatch.setenv(gpu.VARIABLE, "625")
    assert gpu.share() == 1 / 16


@pytest.mark.parametrize("told", ["half", "0.5", "-1", "10001"])
def test_a_share_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv(gpu.VARIABLE, told)
    with pytest.raises(UserError, match="the share of a GPU") as caught:
        gpu.share()
    assert told in caught.value.where


def test_jobs_are_spread_over_the_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(gpu, "_held", [])
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert [gpu.least_used(2) for _ in range(5)] == [0, 1, 0, 1, 0]
    # Two other devices by the same numbers.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert [gpu.least_used(2) for _ in range(3)] == [0, 1, 0]


def test_the_place_of_a_job_that_ended_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = "from advlearn.support import gpu; print(gpu.least_used(2))"
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout == "0\n", done.stderr
