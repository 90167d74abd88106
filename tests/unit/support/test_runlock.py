from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from advlearn.support import runlock
from advlearn.support.codedigest import package_root
from advlearn.support.errors import UserError

LOCK = runlock.lock_of("demo")
RUN = (
    "from advlearn.support.runlock import *; lock = lock_of('demo'); begin(lock); share(lock);"
    " print('ready', flush=True); "
)
WAIT = "import time; time.sleep(60)"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runlock, "_held", [])
    monkeypatch.setenv(runlock.VARIABLE, "")


def started(code: str) -> subprocess.Popen[str]:
    path = {"PYTHONPATH": str(package_root().parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=os.environ | path
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_second_run_is_refused_and_names_the_first() -> None:
    first = started(RUN + WAIT)
    try:
        with pytest.raises(UserError, match="another run of this name is at work") as caught:
            runlock.begin(LOCK)
        assert str(first.pid) in caught.value.what
    finally:
        first.kill()
        first.wait()


def test_a_run_of_another_name_is_not_in_the_way() -> None:
    first = started(RUN + WAIT)
    try:
        other = runlock.lock_of("smoke")
        runlock.begin(other)
        runlock.share(other)
        assert runlock.join() == other.absolute()
        with pytest.raises(UserError, match="another run of this name is at work"):
            runlock.begin(LOCK)
    finally:
        first.kill()
        first.wait()


def test_a_killed_run_leaves_no_lock() -> None:
    first = started(RUN + WAIT)
    first.send_signal(signal.SIGKILL)
    first.wait()
    runlock.begin(LOCK)


def test_a_job_that_outlives_its_run_still_counts() -> None:
    job = f"from advlearn.support.runlock import *; join(); print('ready', flush=True); {WAIT}"
    run = started(
        RUN
        + f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {job!r}]); "
        + "import os; time = __import__('time'); time.sleep(60)"
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    run.kill()
    run.wait()
    with pytest.raises(UserError, match="another run of this name is at work") as caught:
        runlock.begin(LOCK)
    orphan = int(caught.value.what.rpartition(" ")[2].rstrip(")"))
    os.kill(orphan, signal.SIGKILL)
    for _ in range(1200):  # a minute, for a machine with much else to do
        try:
            runlock.begin(LOCK)
            break
        except UserError:
            time.sleep(0.05)
    else:
        pytest.fail("the lock stayed after the last process")


def test_jobs_of_one_run_work_beside_each_other() -> None:
    runlock.begin(LOCK)
    runlock.share(LOCK)
    assert runlock.join() == LOCK.absolute()
    assert runlock.join() == LOCK.absolute()


def test_a_stage_without_a_run_needs_no_lock() -> None:
    assert runlock.join() is None


def test_a_clock_set_back_stops_the_run_and_its_jobs() -> None:
    runlock.begin(LOCK)
    runlock.share(LOCK)
    later = time.time() + 3600
    os.utime(LOCK, (later, later))
    runlock._held[-1].close()
    for work in (lambda: runlock.begin(LOCK), runlock.join):
        with pytest.raises(UserError, match="the clock was set back") as caught:
            work()
        assert "find results" in caught.value.remedy
        runlock._held[-1].close()
    # It is not forgotten by asking again, and the remedy works.
    assert LOCK.stat().st_mtime == pytest.approx(later, abs=1)
    LOCK.unlink()
    runlock.begin(LOCK)


def test_a_file_system_that_cannot_lock_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    runlock.begin(LOCK)
    assert "cannot lock" in capsys.readouterr().err
