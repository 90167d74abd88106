"""Two runs in one folder: of different names beside each other, of one name one at a time."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.workflow.project import SMOKE, Project, job_counts

OTHER = "config/other.yaml"
WAITS = "waiting for it"


@pytest.fixture
def project(project: Project) -> Project:
    (project.root / OTHER).write_text("run: other\n", encoding="utf-8")
    return project


def started(
    project: Project,
    log: Path,
    *configs: str,
    options: tuple[str, ...] = ("--until", "prepare"),
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    command = (
        sys.executable, "-m", "snakemake", "--cores", "1", "--nocolor", *options,
        "--configfile", *configs,
    )  # fmt: skip
    with log.open("wb") as stream:
        return subprocess.Popen(
            command, cwd=project.root, env=project.environment(environment),
            stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip


def wait_for(happened: Callable[[], bool], *runs: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 300
    while not happened():
        assert all(run.poll() is None for run in runs), "a run has ended"
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.05)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder as one has it who fills it: others wait."""
    folder.mkdir(parents=True)
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(handle)


def would_run(project: Project, *configs: str) -> dict[str, int]:
    done = project.run(
        sys.executable, "-m", "snakemake", "--dry-run", "--nocolor", "--until", "prepare",
        "--configfile", *configs,
    )  # fmt: skip
    assert done.status == 0, done.output
    return job_counts(done.output)


def test_two_names_share_the_download_and_one_name_is_refused(project: Project) -> None:
    logs = [project.root / "first.log", project.root / "second.log"]
    raw = project.root / "results/raw/digits"
    with held(raw):
        first = started(project, logs[0], SMOKE)
        second = started(project, logs[1], SMOKE, OTHER)
        wait_for(
            lambda: all(WAITS in log.read_text(encoding="utf-8") for log in logs), first, second
        )
        assert not list(raw.glob("*.json"))
        # Both are at work now, and a second one of either name is refused.
        for configs in ((SMOKE,), (SMOKE, OTHER)):
            again = started(project, project.root / "again.log", *configs)
            assert again.wait(300) != 0
            said = (project.root / "again.log").read_text(encoding="utf-8")
            assert "another run of this name is at work in this folder" in said
            assert "remedy:" in said
            assert "Traceback" not in said
    assert first.wait(300) == 0, logs[0].read_text(encoding="utf-8")
    assert second.wait(300) == 0, logs[1].read_text(encoding="utf-8")
    assert {path.name for path in raw.glob("*.json")} == {
        "manifest-smoke.json",
        "manifest-other.json",
    }
    for configs in ((SMOKE,), (SMOKE, OTHER)):
        assert would_run(project, *configs) == {}
    both = [
        (project.root / f"results/{run}/data/train_images.npy").read_bytes()
        for run in ("smoke", "other")
    ]
    assert both[0] == both[1]
    # Neither has touched what the other has written down of its files.
    sums = project.root / ".snakemake/advlearn-sums/results"
    assert {path.name for path in sums.iterdir()} == {"smoke", "other"}


def test_a_killed_run_is_not_in_the_way_of_another_name(project: Project) -> None:
    log = project.root / "first.log"
    with held(project.root / "results/raw/digits"):
        first = started(project, log, SMOKE)
        wait_for(lambda: WAITS in log.read_text(encoding="utf-8"), first)
        first.kill()
        first.wait()
    second = started(project, project.root / "second.log", SMOKE, OTHER)
    assert second.wait(300) == 0, (project.root / "second.log").read_text(encoding="utf-8")


def test_two_runs_at_once_share_the_cache_between_workflows(project: Project) -> None:
    """Both find nothing in it, or one what the other is putting there; each has whole weights."""
    cache = project.root / "cache"
    cache.mkdir()
    options = ("selective", "--cache", "--until", "pretrain")
    runs = {
        name: started(
            project, project.root / f"{name}.log", *configs,
            options=options, environment={"SNAKEMAKE_OUTPUT_CACHE": str(cache)},
        )
        for name, configs in (("smoke", (SMOKE,)), ("other", (SMOKE, OTHER)))
    }  # fmt: skip
    for name, run in runs.items():
        assert run.wait(300) == 0, (project.root / f"{name}.log").read_text(encoding="utf-8")
    weights = "models/small/seed*/classifier.safetensors"
    found = {name: project.bytes_of(f"results/{name}/{weights}") for name in runs}
    assert list(found["smoke"].values()) == list(found["other"].values())
    assert len(found["smoke"]) == 2
    # Weights and losses of two seeds, stored once, and nothing half-made.
    assert len([path for path in cache.iterdir() if path.is_file()]) == len(list(cache.iterdir()))
    assert len(list(cache.iterdir())) == 4


def test_the_cache_between_workflows_does_not_stand_for_raw_files(project: Project) -> None:
    """A manifest of files that are elsewhere would stop every other folder that has the cache."""
    rng = np.random.default_rng(0)
    arrays = {
        "train_images": rng.integers(0, 256, (400, 8, 8), dtype=np.uint8),
        "train_labels": np.arange(400) % 4,
        "test_images": rng.integers(0, 256, (100, 8, 8), dtype=np.uint8),
        "test_labels": np.arange(100) % 4,
    }
    np.savez(project.root / "mine.npz", **arrays)  # type: ignore[arg-type]
    (project.root / OTHER).write_text(
        "run: other\n"
        "data: {dataset: arrays, train_images: 250, test_images: 100, validation_images: 100}\n"
        "sources: {root: mine.npz}\n",
        encoding="utf-8",
    )
    cache = project.root / "cache"
    cache.mkdir()
    for folder in ("here", "there"):
        done = project.run(
            sys.executable, "-m", "snakemake", "selective", "--cores", "1", "--until", "prepare",
            "--cache", "--directory", folder,
            "--config", f"sources={{root: {project.root}/mine.npz}}",
            "--configfile", SMOKE, OTHER,
            environment={"SNAKEMAKE_OUTPUT_CACHE": str(cache)},
        )  # fmt: skip
        assert done.status == 0, done.output
