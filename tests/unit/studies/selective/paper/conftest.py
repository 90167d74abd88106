from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.studies.selective.schema import SelectiveTidy
from tests.helpers.selective_run import PUBLISHED, write_run


@pytest.fixture(scope="session")
def full_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two universes, two protocols, three seeds."""
    return write_run(tmp_path_factory.mktemp("full") / "tidy")


@pytest.fixture(scope="session")
def smoke_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One universe, one protocol, one seed, small images, one to three clusters."""
    return write_run(
        tmp_path_factory.mktemp("smoke") / "tidy",
        universes=["small"],
        protocols=["whitebox"],
        seeds=[0],
        cluster_numbers=[1, 2, 3],
        dataset="digits",
        shape=(1, 8, 8),
    )


@pytest.fixture(scope="session")
def bare_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The least a run can have: one attack, one reduction, one clusterer, two clusters."""
    return write_run(
        tmp_path_factory.mktemp("bare") / "tidy",
        universes=["standard"],
        protocols=["transfer"],
        seeds=[3],
        attacks=["fgsm"],
        reductions=["pca"],
        clusterers=["kmeans"],
        cluster_numbers=[2],
    )


@pytest.fixture(scope="session", params=["full", "smoke", "bare"])
def folder(request: pytest.FixtureRequest) -> Path:
    """Each of the three runs in turn."""
    found: Path = request.getfixturevalue(f"{request.param}_folder")
    return found


@pytest.fixture(scope="session")
def full(full_folder: Path) -> SelectiveTidy:
    return SelectiveTidy(full_folder, PUBLISHED)


@pytest.fixture(scope="session")
def smoke(smoke_folder: Path) -> SelectiveTidy:
    return SelectiveTidy(smoke_folder, PUBLISHED)
