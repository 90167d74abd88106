"""Where the time of a run went, by stage, and what would change it; for the terminal."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from advlearn.report.timing import (
    Job,
    Usage,
    gpu_waits,
    grouped,
    read_jobs,
    started,
    starts,
    usage,
)
from advlearn.report.writers import plain_text
from advlearn.support.errors import UserError
from advlearn.support.jobnotes import Note, read_notes

_MUCH = 0.2
"""Share of the time from which something is worth a sentence."""


def profile(
    *,
    run: Annotated[Path, typer.Option(help="folder of the run")],
) -> None:
    """Print by stage what jobs worked, what their starts cost, and what was waited for.

    Raises:
        UserError: the run has no benchmark files.
    """
    folder = run / "benchmarks"
    jobs = read_jobs(folder)
    if not jobs:
        raise UserError(
            "the run has no timed jobs",
            where=str(folder),
            remedy="name a run that was made here, for example: make profile RUN=demo",
        )
    notes = read_notes(run.name)
    noted = starts(notes)
    # What a job did not note, as in a run that was copied here, is measured now.
    begun = {stage: noted.get(stage) or start_seconds(stage) for stage in grouped(jobs)}
    header, rows, sentences = profile_table(jobs, begun, notes)
    print(plain_text(f"Time of the run {run.name}", (header, rows), sentences).lstrip("\n"))


def start_seconds(stage: str) -> float:
    """Seconds from the call of a stage's command to its first line, measured now."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "advlearn", stage, "--help"], capture_output=True, check=True
    )
    return time.perf_counter() - began


def profile_table(
    jobs: Sequence[Job], begun: Mapping[str, float], notes: Sequence[Note] = ()
) -> tuple[list[str], list[list[str]], list[str]]:
    """Header, a row a stage with the dearest first, and sentences on what to change.

    Args:
        jobs: the jobs of a run, at least one.
        begun: seconds that one start of each stage takes.
        notes: what the jobs noted of themselves.
    """
    found = usage(jobs)
    total = sum(job.seconds for job in jobs)
    lines = []
    for stage, own in grouped(jobs).items():
        seconds, start = sum(job.seconds for job in own), started(own, begun[stage])
        lines.append((seconds, start, max(own, key=lambda job: job.seconds), stage, len(own)))
    lines.sort(key=lambda line: -line[0])
    rows = [
        [
            stage, str(count), f"{seconds - start:.1f}", f"{start:.1f}",
            f"{found.beside[stage]:.1f}", f"{seconds / total:.0%}", f"{longest.seconds:.1f}",
        ]
        for seconds, start, longest, stage, count in lines
    ]  # fmt: skip
    all_starts = sum(start for _, start, _, _, _ in lines)
    rows.append([
        "all", str(len(jobs)), f"{total - all_starts:.1f}", f"{all_starts:.1f}",
        f"{found.waiting:.1f}", "100%", "",
    ])  # fmt: skip
    header = ["stage", "jobs", "work (s)", "start (s)", "waiting (s)", "share", "longest job (s)"]
    sentences = _advice(found, lines[0][3], lines[0][0] / total, all_starts / total)
    return header, rows, [*sentences, *_gpu_advice(found, *gpu_waits(notes, jobs))]


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


def _gpu_advice(found: Usage, waited: float, most: int) -> list[str]:
    if not most:
        return []
    told = f"Of the jobs that ran on a GPU at most {most} did so at a time."
    if waited <= _MUCH * found.span:
        return [told]
    return [
        told,
        f"Others waited {waited:.0f} s for it while there were places for them: let more share it"
        " (gpu.jobs), keep more on the CPU (gpu.least_work), or give it more GPUs.",
    ]
