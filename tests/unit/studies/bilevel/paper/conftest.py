from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from advlearn.studies.bilevel.paper.schema import BilevelTidy
from tests.helpers.bilevel_run import SIZES, write_bilevel, write_published


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of published numbers, as ``config/published``."""
    return write_published(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory, published: Path) -> BilevelTidy:
    """Three seeds, four data sets, all methods and victims."""
    return BilevelTidy(write_bilevel(tmp_path_factory.mktemp("bilevel") / "tidy"), published)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, published: Path) -> BilevelTidy:
    """Every data set, one seed: the tallest figures."""
    folder = tmp_path_factory.mktemp("whole") / "tidy"
    names = ("iris", "moons", "blobs")
    write_bilevel(folder, datasets=tuple(SIZES), drawn=names, seeds=[0])
    return BilevelTidy(folder, published)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, published: Path) -> BilevelTidy:
    """The least a run can have: one seed, one data set, one attacker, no trajectories."""
    folder = write_bilevel(
        tmp_path_factory.mktemp("small") / "tidy",
        seeds=[4],
        datasets=["blobs"],
        drawn=[],
        methods=["merge", "noise"],
        victims=["convex", "kmeans"],
        weights=["fixed"],
    )
    return BilevelTidy(folder, published)


@pytest.fixture
def copy(small: BilevelTidy, tmp_path: Path) -> Path:
    """A folder to spoil; without checksums, so that what is spoiled is read at all."""
    folder = Path(shutil.copytree(small.folder, tmp_path / "tidy"))
    path = folder / "bilevel_study.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"files": {}}))
    return folder
