"""The smoke run that the workflow tests look at: made once, whatever the number of workers."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from tests.workflow.project import Finished, Project

TRACES = "traces"
"""Folder in the smoke project with what each of its jobs has loaded."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.workflow)


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> tuple[Project, Finished]:
    """A project whose smoke configuration was run on two cores, and how that went. Read only."""
    base = tmp_path_factory.getbasetemp()
    # Below xdist each worker has a folder of its own in the one that they share.
    shared = base if worker_id == "master" else base.parent
    root, record = shared / "smoke", shared / "smoke.json"
    with (shared / "smoke.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not record.is_file():
            project = Project.copy(root)
            (root / TRACES).mkdir()
            path = (str(root / "src"), str(Path(__file__).with_name("tracing")))
            done = project.snakemake(
                "smoke",
                cores=2,
                environment={"PYTHONPATH": os.pathsep.join(path), "TRACED": str(root / TRACES)},
            )
            record.write_text(json.dumps(vars(done)), encoding="utf-8")
    return Project(root), Finished(**json.loads(record.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def smoke(smoke_run: tuple[Project, Finished]) -> Project:
    """A finished smoke run. Tests that change something take ``smoke.moved(tmp_path / 'copy')``."""
    project, done = smoke_run
    if done.status:
        pytest.fail(f"the smoke run failed:\n{done.output[-5000:]}", pytrace=False)
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A copy of the project without results."""
    return Project.copy(tmp_path / "project")
