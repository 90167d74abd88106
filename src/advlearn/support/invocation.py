"""What a call of the workflow is told before its first job and after its last."""

from __future__ import annotations

import atexit
import os
import shlex
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advlearn.support.codedigest import package_root
from advlearn.support.errors import UserError

RESUMES = "The same command goes on from where this run stopped; finished jobs are kept."
_SHOWN = 5
_REASON_LINES = 6


@dataclass(frozen=True)
class FailedJob:
    """A job that ended badly.

    Attributes:
        name: what it did, for people.
        log: its log file, which may be missing.
    """

    name: str
    log: Path | None


def shell_prefix(deployed: bool) -> str:
    """What stands before the shell command of every job; Snakemake formats it once.

    Args:
        deployed: whether Snakemake brings Python with all packages, in an environment of conda;
            this package is not among them.
    """
    python = "" if deployed else f" PATH={_in_prefix(Path(sys.executable).parent)}:$PATH"
    source = _in_prefix(package_root().parent)
    # Idle threads of OpenMP spin by default and take the core from other jobs.
    return (
        f"set -euo pipefail; export OMP_WAIT_POLICY=passive{python}"
        f" PYTHONPATH={source}${{{{PYTHONPATH:+:$PYTHONPATH}}}}; "
    )


def check_cores(cores: int | None) -> None:
    """Refuse a number of cores with which no job would ever start.

    Args:
        cores: of this machine; none where another executor counts them.

    Raises:
        UserError: it is below one.
    """
    if cores is not None and cores < 1:
        raise UserError(
            f"no job can run on {cores} cores",
            where=f"option --cores {cores} (with make: CORES={cores})",
            remedy="give a whole number from 1 on, or all",
        )


def check_writable(folders: Iterable[Path]) -> None:
    """Refuse folders in which nothing can be written; one that is not there is no fault.

    Raises:
        UserError: a folder is read-only for this user.
    """
    for folder in folders:
        if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(
                f"the folder {folder.name or folder} is read-only",
                where=str(folder.absolute()),
                remedy="make it writable, or run in a folder of your own:"
                " --directory FOLDER, with --snakefile and --configfile of this project",
            )


def check_folders(folders: Iterable[Path]) -> None:
    """Refuse what is no folder and stands where one is to be made.

    Raises:
        UserError: it is a file, or a link to a place that is not there.
    """
    for folder in folders:
        if folder.is_symlink() and not folder.exists():
            raise UserError(
                f"{folder} is a link to a folder that is not there",
                where=f"{folder.absolute()} -> {folder.readlink()}",
                remedy="make that folder (is its disk mounted?), or remove the link",
            )
        if folder.exists() and not folder.is_dir():
            raise UserError(
                f"{folder} is no folder",
                where=str(folder.absolute()),
                remedy="move the file away: the workflow makes a folder of this name",
            )


def check_notes_folder() -> None:
    """Refuse a current folder in which Snakemake cannot keep its notes, also in a dry run.

    Helpers that read the rules without Snakemake's command line write nothing and may do so.

    Raises:
        UserError: the folder is read-only for this user, or its folders of results, logs or notes
            cannot be made.
    """
    program = Path(sys.argv[0])  # .../bin/snakemake or .../snakemake/__main__.py
    if "snakemake" in (program.name, program.parent.name):
        check_writable([Path.cwd(), Path(".snakemake")])
        check_folders([Path("results"), Path("logs")])


def check_run(target: str, run: str, files: str) -> None:
    """Refuse a target that is named like a shipped run where the configuration is another run's.

    Args:
        target: name of a target and of its run, for example ``demo``.
        run: name of the run that is configured.
        files: the files of the configuration.

    Raises:
        UserError: the two differ.
    """
    if target != run:
        raise UserError(
            f"the target {target!r} is the run of config/{target}.yaml, and the configuration is"
            f" that of the run {run!r}",
            where=f"target {target}; configuration {files}",
            remedy=f"snakemake {target} --cores N --configfile config/{target}.yaml; the target for"
            " all tables, figures and the report of the configured run is 'paper'",
        )


def failed_jobs(found: Iterable[Any]) -> list[FailedJob]:
    """Snakemake's failed jobs; of a group of jobs those that have begun and not ended.

    Args:
        found: jobs or groups of jobs of Snakemake.
    """
    jobs: list[Any] = []
    for each in found:
        members = list(getattr(each, "jobs", [each]))
        begun = [job for job in members if any(Path(log).is_file() for log in job.log)]
        open_ = [job for job in begun if not all(Path(file).exists() for file in job.output)]
        jobs += open_ or members
    named = [
        FailedJob(
            f"{job.message} ({job.name})" if job.message else str(job.name),
            Path(job.log[0]) if job.log else None,
        )
        for job in jobs
    ]
    return sorted(named, key=lambda job: job.name)


def failure_lines(failed: Iterable[FailedJob]) -> list[str]:
    """What to read after a run that did not end well: each failed job, its reason and its log."""
    jobs = list(failed)
    lines = []
    for job in jobs[:_SHOWN]:
        first, *more = last_words(job.log)
        lines += [f"failed: {job.name}", f"  reason: {first}"]
        lines += [f"        {line}" for line in more]
        lines += [f"  log:    {job.log}"] if job.log else []
    if len(jobs) > _SHOWN:
        lines.append(f"... and {len(jobs) - _SHOWN} more failed jobs")
    return [*lines, RESUMES]


def say_at_exit(lines: Iterable[str]) -> None:
    """Print lines to stderr when the process ends, below what Snakemake says after its hooks."""
    text = "\n".join(lines)

    def say() -> None:
        with suppress(OSError):  # what reads the other stream may have gone
            sys.stdout.flush()
        print(text, file=sys.stderr, flush=True)

    atexit.register(say)


def _in_prefix(path: Path) -> str:
    return shlex.quote(str(path)).replace("{", "{{").replace("}", "}}")


def last_words(log: Path | None) -> list[str]:
    """The last error in a log, one line or the lines of a `UserError`; else its last line."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace") if log else ""
    except OSError:
        text = ""
    lines = [line.rstrip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    if not lines:
        return ["it ended without a word; the system may have killed it, for want of memory"]
    for start in range(len(lines) - 1, -1, -1):
        if lines[start].startswith("error: "):
            found = [lines[start].removeprefix("error: ")]
            for line in lines[start + 1 : start + _REASON_LINES]:
                if not line.startswith(" "):
                    break
                found.append(line)
            return found
    return [lines[-1].strip()]
