"""A cluster for the tests, and the run without one that its results are held against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm import cluster as slurm
from tests.workflow.project import SMOKE, Project


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def cluster() -> Iterator[slurm.Cluster]:
    """A running SLURM; without one the tests are skipped with the reason."""
    reason = slurm.why_not()
    if reason:
        pytest.skip(reason)
    taken = slurm.existing()
    if taken:
        pytest.exit(f"{taken} exists: these tests never touch a real SLURM", returncode=1)
    running = slurm.Cluster.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def local(cluster: slurm.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A finished smoke run on this machine without SLURM. Read only."""
    project = fresh(tmp_path_factory.mktemp("local") / "project")
    done = project.snakemake("smoke", cores=2)
    if done.status:
        pytest.fail(f"the smoke run failed:\n{done.output[-5000:]}", pytrace=False)
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A copy of the project without results."""
    return fresh(tmp_path / "project")


def fresh(root: Path) -> Project:
    project = Project.copy(root)
    # One seed, as the user's smoke run has: each place in the queue costs twelve seconds.
    project.edit(SMOKE, "\nseeds: [0, 1]\n", "\nseeds: [0]\n")
    return project
