"""SLURM is asked whether it answers before it is relied upon; here with commands that play it."""

from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.support.errors import UserError
from advlearn.support.slurm import check_status_query

NO_ACCOUNTS = "echo 'Slurm accounting storage is disabled' >&2; exit 1"


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the whole PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(commands: Path, *, min_job_age: int = 300, **programs: str) -> None:
    programs["scontrol"] = f"echo 'MinJobAge               = {min_job_age} sec'"
    for name, script in programs.items():
        path = commands / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


def test_a_command_that_answers_is_the_one_that_is_used(commands: Path) -> None:
    install(commands, sacct="exit 0", squeue="exit 0")
    assert check_status_query("sacct", 40) == "sacct"
    assert check_status_query("squeue", 40) == "squeue"


def test_squeue_is_enough_where_there_are_no_accounts(commands: Path) -> None:
    install(commands, sacct=NO_ACCOUNTS, squeue="exit 0")
    assert check_status_query("squeue", 40) == "squeue"


def test_sacct_without_accounts_is_told_with_its_own_words_and_the_remedy(commands: Path) -> None:
    install(commands, sacct=NO_ACCOUNTS, squeue="exit 0")
    with pytest.raises(UserError, match="'sacct' failed: Slurm accounting storage is") as caught:
        check_status_query("sacct", 40)
    assert caught.value.where == "slurm-status-command: sacct"
    assert "slurm-status-command: squeue" in caught.value.remedy


@pytest.mark.parametrize(("age", "used"), [(119, "sacct"), (120, "squeue")])
def test_where_jobs_are_soon_forgotten_sacct_takes_the_place_of_squeue(
    commands: Path, age: int, used: str
) -> None:
    install(commands, min_job_age=age, sacct="exit 0", squeue="exit 0")
    assert check_status_query("squeue", 40) == used


def test_jobs_soon_forgotten_and_no_accounts_is_no_cluster_to_wait_for(commands: Path) -> None:
    install(commands, min_job_age=10, sacct=NO_ACCOUNTS, squeue="exit 0")
    with pytest.raises(UserError) as caught:
        check_status_query("squeue", 40)
    assert "MinJobAge: 10 s, needed: 120 s" in caught.value.remedy
    # Where sacct is not even installed the plugin stays with squeue.
    (commands / "sacct").unlink()
    assert check_status_query("squeue", 40) == "squeue"
    assert check_status_query("sacct", 40) == "squeue"


def test_a_command_that_hangs_is_no_answer(commands: Path) -> None:
    install(commands, squeue="exec /bin/sleep 30")
    with pytest.raises(UserError, match=r"'squeue' gave no answer within 0\.2 s"):
        check_status_query("squeue", 40, patience=0.2)


def test_a_machine_without_slurm_is_told(commands: Path) -> None:
    with pytest.raises(UserError, match="there is no 'squeue' on this machine") as caught:
        check_status_query("squeue", 40)
    assert "login node" in caught.value.remedy
