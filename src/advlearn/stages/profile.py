"""Where the time of a run went, by stage, and what would change it; for the terminal."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from advlearn.report.writers import plain_text
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv

_MUCH = 0.2
"""Share of the time from which something is worth a sentence."""
_PAUSE = 60.0
"""Seconds without any job after which the run was stopped and called again."""


class Job(NamedTuple):
    """One job of a run.

    Attributes:
        stage: rule that it belongs to.
        name: what it made, from the name of its benchmark file.
        begin: seconds since the epoch.
        end: likewise.
    """

    stage: str
    name: str
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """By the clock, its start included."""
        return self.end - self.begin


class Usage(NamedTuple):
    """How the machine was used while jobs ran.

    Attributes:
        span: seconds in which at least one job ran, or was about to.
        most: jobs that ran at the same time at most.
        waiting: seconds for each of ``most`` places in which none did, summed.
        alone: seconds in which one job alone ran, by job.
    """

    span: float
    most: int
    waiting: float
    alone: Mapping[Job, float]


def profile(
    *,
    run: Annotated[Path, typer.Option(help="folder of the run")],
) -> None:
    """Print by stage what jobs worked, what their starts cost, and what was waited for.

    Raises:
        UserError: the run has no benchmark files.
    """
    jobs = read_jobs(run / "benchmarks")
    starts = {stage: start_seconds(stage) for stage in dict.fromkeys(job.stage for job in jobs)}
    header, rows, sentences = profile_table(jobs, starts)
    print(plain_text(f"Time of the run {run.name}", (header, rows), sentences).lstrip("\n"))


def read_jobs(folder: Path) -> list[Job]:
    """The timed jobs of a run: how long each took, and that it ended when its file was written.

    Raises:
        UserError: there are none, or a file is no benchmark of Snakemake.
    """
    jobs = []
    for path in sorted(folder.rglob("*.tsv")):
        try:
            seconds = float(read_csv(path, sep="\t", na_filter=False)["s"].iloc[0])
        except (KeyError, IndexError, ValueError) as error:
            raise UserError(
                f"this is no benchmark file: {error}",
                where=str(path),
                remedy="delete it",
            ) from error
        end = path.stat().st_mtime
        stage, name = path.relative_to(folder).parts[0], path.stem
        jobs.append(Job(stage, name, end - seconds, end))
    if not jobs:
        raise UserError(
            "the run has no timed jobs",
            where=str(folder),
            remedy="name a run that was made here, for example: make profile RUN=demo",
        )
    return jobs


def start_seconds(stage: str) -> float:
    """Seconds from the call of a stage's command to its first line, measured now."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "advlearn", stage, "--help"], capture_output=True, check=True
    )
    return time.perf_counter() - began


def usage(jobs: Sequence[Job]) -> Usage:
    """How many jobs ran when; pauses of a minute in which none did are left out."""
    events = sorted([(job.begin, 1, job) for job in jobs] + [(job.end, -1, job) for job in jobs],
                    key=lambda event: event[:2])  # fmt: skip
    running: list[Job] = []
    stretches: list[tuple[float, int]] = []
    alone: dict[Job, float] = {}
    for (now, change, job), (then, _, _) in pairwise(events):
        running.append(job) if change == 1 else running.remove(job)
        length = then - now
        if running or length < _PAUSE:
            stretches.append((length, len(running)))
        if len(running) == 1 and length:
            alone[running[0]] = alone.get(running[0], 0.0) + length
    most = max(count for _, count in stretches)
    waiting = sum(length * (most - count) for length, count in stretches)
    return Usage(sum(length for length, _ in stretches), most, waiting, alone)


def profile_table(
    jobs: Sequence[Job], starts: Mapping[str, float]
) -> tuple[list[str], list[list[str]], list[str]]:
    """Header, a row a stage with the dearest first, and sentences on what to change.

    Args:
        jobs: the jobs of a run.
        starts: seconds that one start of each stage takes.
    """
    found = usage(jobs)
    total = sum(job.seconds for job in jobs)
    by_stage: dict[str, list[Job]] = {}
    for job in jobs:
        by_stage.setdefault(job.stage, []).append(job)
    lines = []
    for stage, own in by_stage.items():
        seconds = sum(job.seconds for job in own)
        # A job that took less than a start takes now was all start.
        start = sum(min(starts[stage], job.seconds) for job in own)
        lines.append((seconds, start, max(own, key=lambda job: job.seconds), stage, len(own)))
    lines.sort(key=lambda line: -line[0])
    rows = [
        [
            stage, str(count), f"{seconds - start:.1f}", f"{start:.1f}",
            f"{seconds / total:.0%}", f"{longest.seconds:.1f}",
        ]
        for seconds, start, longest, stage, count in lines
    ]  # fmt: skip
    started = sum(start for _, start, _, _, _ in lines)
    rows.append(["all", str(len(jobs)), f"{total - started:.1f}", f"{started:.1f}", "100%", ""])
    header = ["stage", "jobs", "work (s)", "start (s)", "share", "longest job (s)"]
    return header, rows, _advice(found, lines[0][3], lines[0][0] / total, started / total)


def _advice(found: Usage, dearest: str, share: float, start_share: float) -> list[str]:
    places = found.span * found.most
    waited = found.waiting / places if places else 0.0
    sentences = [
        f"Jobs ran for {found.span:.0f} s, at most {found.most} at a time; {waited:.0%} of these"
        " places were waiting.",
        f"{dearest} takes {share:.0%} of the jobs' time: smaller settings there save most.",
    ]
    if start_share > _MUCH:
        sentences.append(
            f"Starts take {start_share:.0%}: fewer and larger jobs would help, such as fewer"
            " universes, label sets or seeds a run."
        )
    if found.most > 1 and found.alone:
        job, seconds = max(found.alone.items(), key=lambda item: item[1])
        if seconds > _MUCH * found.span:
            sentences.append(
                f"{job.stage} {job.name} ran alone for {seconds:.0f} s: it is what the others"
                " wait for, and more cores do not help."
            )
    if waited <= _MUCH:
        sentences.append("More cores (CORES=N) make the run shorter.")
    return sentences
