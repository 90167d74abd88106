"""One line of progress instead of Snakemake's messages: ``snakemake --logger advlearn``.

Snakemake finds logger plugins by the name of their package. Warnings and errors are shown in full,
of a failed job with its log. All else is in Snakemake's own log, ``.snakemake/log``.

Snakemake imports every plugin before it reads the rules, and the rules choose which advlearn they
belong to: nothing of it is imported here before the jobs are known.
"""

from __future__ import annotations

import logging
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from snakemake.logging import DefaultFormatter, get_event
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

if TYPE_CHECKING:
    from advlearn.report.forecast import Forecast

TICK = 1.0
"""Seconds after which the line on a terminal is drawn again."""
EVERY = 30.0
"""Seconds between the lines where the output is no terminal."""
_STOPPED = "Terminating processes on user request"
SHOWN = ("Nothing to be done", "Trying to restart", "Shutting down", _STOPPED)
"""How those messages begin that are shown besides warnings and errors."""
_CLEAR = "\r\x1b[2K"


class LogHandler(LogHandlerBase):
    """Snakemake's messages as one line that is drawn over and over.

    A line is printed every half minute where the output is no terminal. A dry run, and a run with
    ``--verbose``, say all that Snakemake says.
    """

    writes_to_stream = True
    writes_to_file = False
    has_filter = False
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Look where the line goes, and what stages took before."""
        settings = self.common_settings
        self.setFormatter(DefaultFormatter(settings.quiet, show_failed_logs=True))
        self.stream: TextIO = sys.stdout if settings.stdout else sys.stderr
        self._everything = settings.dryrun or settings.verbose or settings.debug_dag
        self._forecast: Forecast | None = None
        self._terminal = self.stream.isatty()
        self._over = threading.Event()
        self._ticker: threading.Thread | None = None
        self._printed = (-EVERY, 0)
        self._times_read = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take one message in, and show it or the line."""
        try:
            if self._everything:
                self._say(self.format(record))
                return
            self._note(record)
            text = self.format(record)
            if record.levelno >= logging.WARNING or text.startswith(SHOWN):
                self._say(text)
            if text.startswith(_STOPPED):  # jobs that are ended on request did nothing wrong
                self.setFormatter(DefaultFormatter(self.common_settings.quiet))
            self._draw()
        except OSError:
            self._over.set()  # nobody reads it any longer
        except (LookupError, TypeError, ValueError):
            self.handleError(record)  # a message of another form than expected ends no run

    def close(self) -> None:
        """Leave the line empty for what comes next."""
        self._over.set()
        self.acquire()
        try:
            if self._ticker is not None and self._terminal:
                self._write(_CLEAR)
        finally:
            self.release()
        super().close()

    def _note(self, record: logging.LogRecord) -> None:
        now, known = time.monotonic(), vars(record)
        match get_event(record):
            case LogEvent.RUN_INFO:
                stats = known.get("stats") or {}
                self._forecast = _planned({k: n for k, n in stats.items() if k != "total"})
            case LogEvent.JOB_INFO if self._forecast:
                self._read_times(self._forecast, known.get("benchmark"))
                self._forecast.begin(known["jobid"], known["rule_name"], now)
            case LogEvent.JOB_FINISHED if self._forecast:
                self._forecast.end(known["job_id"], now)
            case LogEvent.JOB_ERROR if self._forecast:
                self._forecast.end(known["jobid"], now, well=False)
            case LogEvent.PROGRESS if self._forecast:
                self._forecast.done, self._forecast.total = known["done"], known["total"]

    def _read_times(self, forecast: Forecast, benchmark: str | None) -> None:
        """Take what stages took when the run was made last, before its files are written anew."""
        parts = Path(benchmark or "").parts
        if self._times_read or "benchmarks" not in parts:
            return
        self._times_read = True
        from advlearn.report.timing import grouped, read_jobs
        from advlearn.support.errors import UserError

        folder = Path(*parts[: parts.index("benchmarks") + 1])
        try:
            jobs = grouped(read_jobs(folder))
        except UserError:
            return  # `make profile` says which file is none
        forecast.earlier = {
            stage: sum(job.seconds for job in timed) / len(timed) for stage, timed in jobs.items()
        }

    def _draw(self) -> None:
        if not self._forecast or self._over.is_set():
            return
        now, done, last = time.monotonic(), self._forecast.done, self._forecast.total
        line = self._forecast.line(now)
        if self._terminal:
            self._write(_CLEAR + line[: shutil.get_terminal_size().columns - 1])
        elif now - self._printed[0] >= EVERY or self._printed[1] < done == last:
            self._printed = (now, done)
            self._write(f"{line}\n")
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, daemon=True)
            self._ticker.start()

    def _tick(self) -> None:
        while not self._over.wait(TICK):
            self.acquire()
            try:
                self._draw()
            except OSError:
                return
            finally:
                self.release()

    def _say(self, text: str) -> None:
        if text and text != "None":
            self._write(f"{_CLEAR if self._terminal and self._ticker else ''}{text}\n")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def _planned(jobs: dict[str, int]) -> Forecast:
    from advlearn.report.forecast import Forecast, shipped_seconds
    from advlearn.support.project import project_path

    forecast = Forecast(shipped_seconds(project_path("results/reference")))
    forecast.plan(jobs)
    return forecast
