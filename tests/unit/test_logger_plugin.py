"""Snakemake's messages as one line: what is drawn, what is said in full, what is hidden."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

import snakemake_logger_plugin_advlearn as plugin
from tests.helpers.benchmark_files import write_job

JOB: dict[str, Any] = {
    "rule_msg": "Train",
    "reason": "",
    "is_checkpoint": False,
    "local": False,
    "log": [],
}


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(params=[Terminal, io.StringIO], ids=["terminal", "file"])
def stream(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    made: io.StringIO = request.param()
    monkeypatch.setattr("sys.stderr", made)
    monkeypatch.setattr("sys.stdout", made)
    monkeypatch.setattr(plugin, "TICK", 60.0)
    return made


def handler(**changed: Any) -> plugin.LogHandler:
    settings: dict[str, Any] = dict.fromkeys(
        ("dryrun", "verbose", "debug_dag", "stdout", "nocolor", "printshellcmds"), False
    )
    common: Any = SimpleNamespace(**{**settings, "quiet": None, **changed})
    return plugin.LogHandler(common, None)


@pytest.fixture
def shown(stream: io.StringIO) -> Iterator[plugin.LogHandler]:
    made = handler()
    yield made
    made.close()


def tell(
    to: plugin.LogHandler, event: LogEvent | None = None, text: str | None = None,
    level: int = logging.INFO, **known: Any,
) -> None:  # fmt: skip
    record = logging.LogRecord("snakemake", level, __file__, 1, text, (), None)
    vars(record).update(known, event=event)
    to.handle(record)


def planned(to: plugin.LogHandler) -> None:
    tell(to, LogEvent.RUN_INFO, "Job stats: ...", stats={"train": 2, "all": 1, "total": 3})


def failed(to: plugin.LogHandler, log: Path) -> None:
    tell(
        to, LogEvent.JOB_ERROR, "Error in rule train", logging.ERROR, rule_name="train",
        rule_msg="Train", jobid=1, input=[], output=["a"], log=[str(log)], conda_env=None, aux={},
        shellcmd="python -m advlearn train",
    )  # fmt: skip


def test_the_line_says_how_far_the_run_is(shown: plugin.LogHandler, stream: io.StringIO) -> None:
    planned(shown)
    tell(shown, LogEvent.JOB_INFO, "Train", jobid=1, rule_name="train", benchmark=None, **JOB)
    tell(shown, LogEvent.JOB_FINISHED, "Finished", job_id=1)
    tell(shown, LogEvent.PROGRESS, done=1, total=3)
    tell(shown, LogEvent.PROGRESS, done=3, total=3)
    lines = [line for line in stream.getvalue().replace(plugin._CLEAR, "\n").splitlines() if line]
    assert lines[0] == "0 of 3 jobs"
    assert lines[-1].startswith("3 of 3 jobs, 0 s")
    if stream.isatty():
        assert any(line.startswith("0 of 3 jobs, 0 s: train") for line in lines)
        assert "\n" not in stream.getvalue()
    else:
        assert len(lines) == 2


def test_a_finished_run_is_said_once(shown: plugin.LogHandler, stream: io.StringIO) -> None:
    planned(shown)
    for _ in range(3):
        tell(shown, LogEvent.PROGRESS, done=3, total=3)
    if not stream.isatty():
        assert stream.getvalue().count("3 of 3 jobs") == 1


def test_a_line_is_printed_every_so_often(
    shown: plugin.LogHandler, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "EVERY", 0.0)
    planned(shown)
    before = stream.getvalue().count("of 3 jobs")
    tell(shown, LogEvent.PROGRESS, done=1, total=3)
    assert stream.getvalue().count("of 3 jobs") == before + 1


def test_a_failed_job_is_said_in_full_with_its_log(
    shown: plugin.LogHandler, stream: io.StringIO, tmp_path: Path
) -> None:
    log = tmp_path / "train.log"
    log.write_text("step 1\nerror: no such data\n  where: here\n")
    planned(shown)
    failed(shown, log)
    said = stream.getvalue()
    for part in ("Error in rule train", str(log), "step 1\nerror: no such data\n  where: here",
                 "python -m advlearn train"):  # fmt: skip
        assert part in said
    if stream.isatty():
        assert f"{plugin._CLEAR}[" in said  # not behind the line


def test_jobs_that_the_user_ends_show_no_logs(
    shown: plugin.LogHandler, stream: io.StringIO, tmp_path: Path
) -> None:
    log = tmp_path / "train.log"
    log.write_text("step 1\n")
    tell(shown, None, "Terminating processes on user request, this might take some time.")
    failed(shown, log)
    assert "Terminating processes" in stream.getvalue()
    assert str(log) in stream.getvalue()
    assert "step 1" not in stream.getvalue()


def test_warnings_are_shown_and_small_talk_is_not(
    shown: plugin.LogHandler, stream: io.StringIO
) -> None:
    tell(shown, None, "Building DAG of jobs...")
    tell(shown, LogEvent.SHELLCMD, "python -m advlearn", cmd="python -m advlearn")
    assert stream.getvalue() == ""
    tell(shown, None, "a warning", logging.WARNING)
    tell(shown, None, "Nothing to be done (all requested files are present and up to date).")
    assert "a warning\n" in stream.getvalue()
    assert "Nothing to be done" in stream.getvalue()


@pytest.mark.parametrize("setting", ["dryrun", "verbose"])
def test_who_asks_for_all_gets_all(stream: io.StringIO, setting: str) -> None:
    made = handler(**{setting: True})
    made.stream = stream  # that of the process is pytest's here
    tell(made, None, "Building DAG of jobs...")
    planned(made)
    made.close()
    assert "Building DAG of jobs...\n" in stream.getvalue()
    assert "of 3 jobs" not in stream.getvalue()


def test_the_times_of_the_last_run_are_read(
    shown: plugin.LogHandler, stream: io.StringIO, tmp_path: Path
) -> None:
    folder = tmp_path / "results" / "demo" / "benchmarks"
    for name, seconds in (("0", 100.0), ("1", 140.0)):
        write_job(folder, f"train/{name}.tsv", seconds, end=1000.0)
    planned(shown)
    at = str(folder / "train" / "0.tsv")
    tell(shown, LogEvent.JOB_INFO, "Train", jobid=1, rule_name="train", benchmark=at, **JOB)
    assert shown._forecast is not None
    assert shown._forecast.earlier == {"train": 120.0}


def test_a_file_that_is_no_benchmark_costs_the_forecast_alone(
    shown: plugin.LogHandler, stream: io.StringIO, tmp_path: Path
) -> None:
    path = tmp_path / "benchmarks" / "train" / "0.tsv"
    path.parent.mkdir(parents=True)
    path.write_text("no benchmark\n")
    planned(shown)
    tell(shown, LogEvent.JOB_INFO, "Train", jobid=1, rule_name="train", benchmark=str(path), **JOB)
    assert shown._forecast is not None
    assert shown._forecast.earlier == {}
    assert "of 3 jobs" in stream.getvalue()


def test_nothing_of_advlearn_is_loaded_before_the_rules_are_read() -> None:
    code = (
        "import sys, types, snakemake_logger_plugin_advlearn as plugin\n"
        "names = 'dryrun verbose debug_dag stdout quiet'.split()\n"
        "plugin.LogHandler(types.SimpleNamespace(**dict.fromkeys(names)), None).close()\n"
        "assert not [name for name in sys.modules if name.split('.')[0] in ('advlearn', 'pandas')]"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(plugin.__file__).parents[1]), "PATH": ""},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
