"""What a call of the workflow is told before its first job and after its last."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import snakemake.utils

from advlearn.support import invocation
from advlearn.support.errors import UserError
from advlearn.support.invocation import (
    FailedJob,
    check_cores,
    check_run,
    check_writable,
    failed_jobs,
    failure_lines,
    last_words,
    shell_prefix,
)

KILLED = "it ended without a word; the system may have killed it, for want of memory"


@pytest.mark.parametrize("cores", [0, -1])
def test_no_cores_are_refused(cores: int) -> None:
    with pytest.raises(UserError, match=f"no job can run on {cores} cores"):
        check_cores(cores)


@pytest.mark.parametrize("cores", [1, 64, None])
def test_any_other_number_of_cores_will_do(cores: int | None) -> None:
    check_cores(cores)


def test_the_target_of_a_shipped_run_wants_its_configuration() -> None:
    check_run("demo", "demo", "config/demo.yaml")
    with pytest.raises(UserError) as caught:
        check_run("demo", "mine", "mine.yaml")
    assert "--configfile config/demo.yaml" in caught.value.remedy
    assert "mine.yaml" in caught.value.where


def test_a_read_only_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_writable([tmp_path, tmp_path / "not there yet"])
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(UserError, match="read-only") as caught:
        check_writable([tmp_path])
    assert str(tmp_path) in caught.value.where
    assert "--directory" in caught.value.remedy


@pytest.mark.parametrize("program", ["/bin/snakemake", "/packages/snakemake/__main__.py"])
@pytest.mark.parametrize("name", ["results", "logs"])
def test_a_file_or_an_empty_link_in_place_of_a_folder(
    name: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [program, "-n"])
    invocation.check_notes_folder()
    (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(UserError, match=f"{name} is a link to a folder that is not there") as link:
        invocation.check_notes_folder()
    assert link.value.where.endswith("-> nowhere")
    (tmp_path / "nowhere").mkdir()
    invocation.check_notes_folder()
    (tmp_path / name).unlink()
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=f"{name} is no folder"):
        invocation.check_notes_folder()


def test_only_snakemake_itself_wants_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr("sys.argv", ["/home/snakemake/advlearn/__main__.py", "explain"])
    invocation.check_notes_folder()
    for program in ("/somewhere/bin/snakemake", "/packages/snakemake/__main__.py"):
        monkeypatch.setattr("sys.argv", [program, "-n"])
        with pytest.raises(UserError, match="read-only"):
            invocation.check_notes_folder()


ERROR = "error: no such thing\n  where:  file.csv\n  remedy: make one\n"
# Each: a log, and what of it is the reason.
LOGS = {
    "a user's error": (ERROR, ["no such thing", "  where:  file.csv", "  remedy: make one"]),
    "the last of two": (f"error: first\n{ERROR}", [*ERROR.removeprefix("error: ").splitlines()]),
    "more after it": (f"[craft] 1/2\n{ERROR}done with it\n", ERROR[7:].splitlines()),
    "a traceback": (
        "Traceback (most recent call last):\n  File x\nValueError: bad value\n",
        ["ValueError: bad value"],
    ),
    "a bar of progress": ("10 %\r20 %\rKilled\n", ["Killed"]),
    "nothing": ("", [KILLED]),
    "blank lines": ("\n\n", [KILLED]),
    "an error that goes on and on": (
        "error: a\n" + "  more\n" * 50,
        ["a", *["  more"] * (invocation._REASON_LINES - 1)],
    ),
}


@pytest.mark.parametrize("case", LOGS)
def test_the_reason_is_the_last_error_or_the_last_line(tmp_path: Path, case: str) -> None:
    text, expected = LOGS[case]
    log = tmp_path / "job.log"
    log.write_text(text, encoding="utf-8")
    assert last_words(log) == expected


def test_bytes_that_are_no_text_are_shown_all_the_same(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    log.write_bytes(b"error: \xff\xfe in a name\n")
    assert last_words(log)[0].endswith("in a name")


@pytest.mark.parametrize("log", [None, Path("nowhere.log")])
def test_a_job_without_a_log_has_a_reason_too(log: Path | None) -> None:
    assert last_words(log) == [KILLED]


def test_few_lines_for_many_failed_jobs(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    log.write_text(ERROR, encoding="utf-8")
    lines = failure_lines(FailedJob(f"job {number}", log) for number in range(100))
    assert lines[0] == "failed: job 0"
    assert lines[1] == "  reason: no such thing"
    assert f"  log:    {log}" in lines
    assert "... and 95 more failed jobs" in lines
    assert lines[-1] == invocation.RESUMES
    assert len(lines) < 30


def test_a_run_that_was_stopped_says_how_it_goes_on() -> None:
    assert failure_lines([]) == [invocation.RESUMES]


def job(folder: Path, name: str, *, begun: bool, ended: bool) -> SimpleNamespace:
    log, output = folder / f"{name}.log", folder / f"{name}.csv"
    for path, there in ((log, begun), (output, ended)):
        if there:
            path.touch()
    return SimpleNamespace(name=name, message=f"Do {name}", log=[str(log)], output=[str(output)])


def test_of_a_group_the_job_in_hand_has_failed(tmp_path: Path) -> None:
    members = [
        job(tmp_path, "embed", begun=True, ended=True),
        job(tmp_path, "cluster", begun=True, ended=False),
        job(tmp_path, "select", begun=False, ended=False),
    ]
    group = SimpleNamespace(jobs=members)
    alone = job(tmp_path, "craft", begun=False, ended=False)
    found = failed_jobs({"group": group, "alone": alone}.values())
    assert [each.name for each in found] == ["Do cluster (cluster)", "Do craft (craft)"]


@pytest.mark.parametrize("closed", ["", "os.close(1); "])
def test_what_is_said_at_the_exit_stands_below_all_else(closed: str) -> None:
    script = (
        "import os, sys; from advlearn.support.invocation import say_at_exit; "
        f"say_at_exit(['one', '  two']); print('later'); {closed}print('last', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.stderr.splitlines()[:3] == ["last", "one", "  two"]


@pytest.mark.parametrize(
    ("deployed", "python"), [(False, "/a {b}'s/.venv/bin:/bin"), (True, "/bin")]
)
def test_braces_in_the_projects_folder_are_no_names(
    monkeypatch: pytest.MonkeyPatch, deployed: bool, python: str
) -> None:
    """And what conda brings is not hidden by this Python."""
    monkeypatch.setattr(
        "advlearn.support.invocation.package_root", lambda: Path("/a {b}'s/src/advlearn")
    )
    monkeypatch.setattr("sys.executable", "/a {b}'s/.venv/bin/python")
    # Snakemake formats the prefix once, bash reads what comes out.
    prefix = snakemake.utils.format(shell_prefix(deployed))
    done = subprocess.run(
        ["bash", "-c", f'{prefix} printf "%s\\n" "$PATH" "$PYTHONPATH"'],
        env={"PATH": "/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{python}\n/a {{b}}'s/src\n"
