"""Where the time of a run went: its jobs, how long their starts took, and what they waited for.

Times differ from run to run: they are in the record of a run and on its page, in no tidy table.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from advlearn.report.numbers import ABSENT
from advlearn.report.page import Rows
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv
from advlearn.support.jobnotes import CPU, Note

_PAUSE = 60.0
"""Seconds without any job after which the run was stopped and called again."""
_TAKEN_UP = 3.0
"""Seconds in which the place of a job that ended is taken by one that waited for it."""

_Item = TypeVar("_Item")


class Job(NamedTuple):
    """One job of a run.

    Attributes:
        stage: rule that it belongs to.
        name: what it made, from the name of its benchmark file.
        begin: seconds since the epoch.
        end: likewise.
        peak_mib: peak memory, none where the job was too short to be sampled.
    """

    stage: str
    name: str
    begin: float
    end: float
    peak_mib: float | None = None

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
        beside: of these, those that passed while jobs of a stage ran, by stage; jobs that ran at
            the same time share them.
        alone: seconds in which one job alone ran, by job.
    """

    span: float
    most: int
    waiting: float
    beside: Mapping[str, float]
    alone: Mapping[Job, float]


def read_jobs(folder: Path) -> list[Job]:
    """The timed jobs of a run: how long each took, and that it ended when its file was written.

    Args:
        folder: Snakemake's benchmark files, a folder a stage.

    Raises:
        UserError: a file is no benchmark of Snakemake.
    """
    jobs = []
    for path in sorted(folder.rglob("*.tsv")):
        try:
            row = read_csv(path, sep="\t", na_filter=False).iloc[0]
            seconds, memory = float(row["s"]), str(row.get("max_rss", ""))
        except UserError:
            raise
        except (KeyError, IndexError, ValueError) as error:
            raise UserError(
                f"this is no benchmark file: {error}",
                where=str(path),
                remedy="delete it",
            ) from error
        end = path.stat().st_mtime
        peak = float(memory) if memory.replace(".", "", 1).isdigit() else None
        stage, name = path.relative_to(folder).parts[0], path.stem
        jobs.append(Job(stage, name, end - seconds, end, peak))
    return jobs


def usage(jobs: Sequence[Job]) -> Usage:
    """How many jobs ran when; pauses of a minute in which none did are left out.

    Args:
        jobs: at least one.
    """
    stretches = _stretches([(job.begin, job.end, job) for job in jobs])
    counted = [(length, own) for length, own in stretches if own or length < _PAUSE]
    most = max(len(own) for _, own in counted)
    alone: dict[Job, float] = defaultdict(float)
    beside: dict[str, float] = defaultdict(float)
    waiting = 0.0
    for length, running in counted:
        free = length * (most - len(running))
        waiting += free
        for job in running:
            beside[job.stage] += free / len(running)
        if len(running) == 1 and length:
            alone[running[0]] += length
    return Usage(sum(length for length, _ in counted), most, waiting, dict(beside), dict(alone))


def gpu_waits(notes: Iterable[Note], jobs: Sequence[Job]) -> tuple[float, int]:
    """For how long jobs of a run waited for a GPU while places for jobs were empty.

    That is the time in which as many jobs were on GPUs as ever were, fewer jobs in all than ever
    were, and a job was still to come that took the place on the GPU of the next to end.

    Args:
        notes: what the jobs noted of themselves.
        jobs: the timed jobs.

    Returns:
        Seconds, and how many jobs were on GPUs at most.
    """
    on_gpu = [note for note in notes if note.device != CPU]
    if not on_gpu or not jobs:
        return 0.0, 0
    begins = sorted(note.begin for note in on_gpu)
    places = usage(jobs).most
    most = max(len(own) for _, own in _stretches([(n.begin, n.end, n) for n in on_gpu]))
    items: list[Job | Note] = [*jobs, *on_gpu]
    spans = [(each.begin, each.end, each) for each in items]
    waited = 0.0
    for length, running in _stretches(spans):
        here = [each for each in running if isinstance(each, Note)]
        if len(here) < most or len(running) - len(here) >= places:
            continue
        next_end = min(note.end for note in here)
        following = bisect_left(begins, next_end)
        if following < len(begins) and begins[following] - next_end < _TAKEN_UP:
            waited += length
    return waited, most


def by_stage(jobs: Sequence[Job], notes: Sequence[Note]) -> dict[str, dict[str, Any]]:
    """What the record of a run says of the times of each stage.

    Returns:
        By stage: ``jobs``; ``seconds`` of all of them, starts included, and of the longest;
        ``start_seconds`` of all starts, ``waiting_seconds`` of places that were empty meanwhile;
        ``peak_mib``; ``devices``, how many jobs ran on which. Unknown is None.
    """
    if not jobs:
        return {}
    own = starts(notes)
    waiting = usage(jobs).beside
    devices: dict[str, Counter[str]] = defaultdict(Counter)
    for note in notes:
        devices[note.stage][note.device] += 1
    found = {}
    for stage, timed in grouped(jobs).items():
        peaks = [job.peak_mib for job in timed if job.peak_mib is not None]
        begun = own.get(stage)
        found[stage] = {
            "jobs": len(timed),
            "seconds": round(sum(job.seconds for job in timed), 1),
            "longest_seconds": round(max(job.seconds for job in timed), 1),
            "start_seconds": None if begun is None else round(started(timed, begun), 1),
            "waiting_seconds": round(waiting.get(stage, 0.0), 1),
            # A job shorter than the sampling interval has no measurement.
            "peak_mib": max(peaks) if peaks else None,
            "devices": dict(devices[stage]) or None,
        }
    return found


def grouped(jobs: Iterable[Job]) -> dict[str, list[Job]]:
    """Jobs by their stage."""
    found: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        found[job.stage].append(job)
    return dict(found)


def starts(notes: Iterable[Note]) -> dict[str, float]:
    """Mean seconds of a start, by stage."""
    found: dict[str, list[float]] = defaultdict(list)
    for note in notes:
        found[note.stage].append(note.start)
    return {stage: sum(seconds) / len(seconds) for stage, seconds in found.items()}


def started(jobs: Iterable[Job], start: float) -> float:
    """Seconds of the starts of jobs of one stage; one that took less than a start was all start."""
    return sum(min(start, job.seconds) for job in jobs)


def rows_of_record(record: Mapping[str, Any]) -> Rows:
    """The times in the record of a run as a readable table, a row a stage, the dearest first."""
    timed = {stage: of for stage, of in (record.get("stages") or {}).items() if of}
    order = sorted(timed, key=lambda stage: -timed[stage]["seconds"])
    header = ["stage", "jobs", "work (s)", "start (s)", "waiting (s)", "longest job (s)",
              "peak memory (MiB)", "device"]  # fmt: skip
    rows = []
    for stage in order:
        of = timed[stage]
        start = of.get("start_seconds")
        devices = of.get("devices") or {}
        rows.append([
            stage, str(of["jobs"]), _shown(of["seconds"] - (start or 0.0)), _shown(start),
            _shown(of.get("waiting_seconds")), _shown(of.get("longest_seconds")),
            _shown(of.get("peak_mib")),
            ", ".join(f"{name}: {n}" for name, n in sorted(devices.items())) or ABSENT,
        ])  # fmt: skip
    return header, rows


def _shown(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.1f}"


def _stretches(spans: Sequence[tuple[float, float, _Item]]) -> list[tuple[float, list[_Item]]]:
    """Seconds from each begin or end to the next, with what went on meanwhile."""
    begun = [(begin, 1, item) for begin, _, item in spans]
    ended = [(end, -1, item) for _, end, item in spans]
    events = sorted([*begun, *ended], key=lambda event: event[:2])
    running: list[_Item] = []
    found = []
    for (now, change, item), (then, _, _) in pairwise(events):
        running.append(item) if change == 1 else running.remove(item)
        found.append((then - now, list(running)))
    return found
