"""The tests' own cluster never touches a real one; no SLURM is needed here."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.slurm import cluster


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the place of /etc/slurm."""
    folder = tmp_path / "etc-slurm"
    folder.mkdir()
    monkeypatch.setattr(cluster, "HOME", folder)
    return folder


def left_behind(home: Path, tmp_path: Path, pid: int) -> Path:
    """The folder of a cluster whose tests were killed, and the links to it."""
    folder = tmp_path / f"{cluster.FOLDER_PREFIX}xyz"
    folder.mkdir()
    (folder / "slurmctld.pid").write_text(f"{pid}\n")
    for name in ("slurm.conf", "gres.conf"):
        (folder / name).touch()
        (home / name).symlink_to(folder / name)
    return folder


@pytest.mark.parametrize("name", ["slurm.conf", "gres.conf"])
def test_a_real_configuration_is_found_and_left_alone(home: Path, name: str) -> None:
    (home / name).write_text("ClusterName=lab\n")
    assert cluster.existing() == home / name
    assert (home / name).read_text() == "ClusterName=lab\n"


def test_a_link_to_a_configuration_elsewhere_is_one_too(home: Path, tmp_path: Path) -> None:
    (home / "slurm.conf").symlink_to(tmp_path / "shared" / "slurm.conf")
    assert cluster.existing() == home / "slurm.conf"
    assert (home / "slurm.conf").is_symlink()


def test_what_a_killed_run_left_is_removed(home: Path, tmp_path: Path) -> None:
    folder = left_behind(home, tmp_path, pid=2**22 + 1)  # above what Linux gives out
    assert cluster.existing() is None
    assert not home.exists()
    assert not folder.exists()


def test_the_cluster_of_a_run_that_lives_is_not_touched(home: Path, tmp_path: Path) -> None:
    folder = left_behind(home, tmp_path, pid=os.getpid())
    assert cluster.existing() == home / "slurm.conf"
    assert folder.exists()


def test_files_of_others_in_the_same_place_stay(home: Path, tmp_path: Path) -> None:
    (home / "plugstack.conf").touch()
    left_behind(home, tmp_path, pid=2**22 + 1)
    assert cluster.existing() is None
    assert [path.name for path in home.iterdir()] == ["plugstack.conf"]


def test_what_is_missing_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path: None)
    assert "slurmctld, slurmd, sbatch" in (cluster.why_not() or "")
    assert "apt-get install" in (cluster.why_not() or "")
    monkeypatch.setattr(shutil, "which", lambda name, path: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "only root may" in (cluster.why_not() or "")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert cluster.why_not() is None
