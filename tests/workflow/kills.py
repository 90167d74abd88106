"""Kill a run again and again, start it anew with the same command, and look at what comes out.

    PYTHONPATH=src:. python -m tests.workflow.kills --kills 50 --folder /tmp/kills

makes an undisturbed run of the smoke configuration (or of another one, ``--run demo``, or of the
targets that are named, such as ``bilevel``) and then runs that are killed, until there were so many
kills, each by SIGKILL to all its processes at a random moment; prints a line a kill and a verdict
a run.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.workflow.compare import compared, differences
from tests.workflow.project import Project


@dataclass
class Campaign:
    """What happened to one run: the jobs that each kill met, how many went on, the last output."""

    met: list[list[str]] = field(default_factory=list)
    resumed: Counter[str] = field(default_factory=Counter)
    output: str = ""
    status: int = 0


@dataclass(frozen=True)
class Run:
    """What is run, and how often its jobs save their progress.

    Attributes:
        targets: of Snakemake.
        name: of the configuration and the run.
        cores: for Snakemake.
        saving: seconds between saves; short, so that short jobs have progress, too.
        gap: seconds from the moment a kill waits for to the kill, at most.
    """

    targets: tuple[str, ...]
    name: str = "smoke"
    cores: int = 2
    saving: float = 0.05
    gap: float = 6.0


def killed_run(project: Project, run: Run, kills: int, draw: random.Random) -> Campaign:
    """Make the run, killed at most ``kills`` times, until it is done.

    What a kill waits for does not depend on the speed of the machine: nothing, one to four jobs
    that have begun, or a job that has saved its progress; then it comes within some seconds.
    """
    campaign = Campaign()
    while True:
        log = project.root / f"attempt{len(campaign.met)}.log"
        moment = draw.choice(["start", *3 * ["jobs"], *3 * ["progress"]])
        jobs, patience = draw.randint(1, 4), draw.uniform(0.0, run.gap)

        def due(moment: str = moment, jobs: int = jobs, log: Path = log) -> bool:
            if moment == "progress":
                return any((project.root / "results").rglob(".*.progress"))
            wanted = jobs if moment == "jobs" else 0
            return len(begun(log.read_text(encoding="utf-8", errors="replace"))) >= wanted

        # Progress of an earlier attempt must not count for this one.
        if moment == "progress" and due():
            moment, due = "jobs", partial(due, "jobs", jobs, log)
        status = attempt(project, run, due, log, patience, len(campaign.met) < kills)
        output = log.read_text(encoding="utf-8", errors="replace")
        campaign.resumed.update(re.findall(rf"resumed from results/{run.name}/(\S+)/\.", output))
        if status is not None:
            campaign.output, campaign.status = output, status
            return campaign
        campaign.met.append(running(output))


def attempt(
    project: Project,
    run: Run,
    due: Callable[[], bool],
    log: Path,
    patience: float,
    kill: bool,
) -> int | None:
    """Start the run; its status, none when it was killed, ``patience`` seconds after ``due``."""
    command = (
        str(Path(sys.executable).with_name("snakemake")), "--cores", str(run.cores), "--nocolor",
        *run.targets, "--configfile", f"config/{run.name}.yaml",
    )  # fmt: skip
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=project.root,
            env=project.environment({"ADVLEARN_SAVE_SECONDS": str(run.saving)}),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        while kill and process.poll() is None and not due():
            time.sleep(0.05)
        try:
            return process.wait(patience if kill else None)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None


def begun(output: str) -> dict[str, str]:
    """Number -> message of the jobs that have begun."""
    return dict(re.findall(r"^Job (\d+): (.*)$", output, re.MULTILINE))


def running(output: str) -> list[str]:
    """Messages of the jobs that had begun and not ended."""
    ended = set(re.findall(r"Finished jobid: (\d+)", output))
    return [message for job, message in begun(output).items() if job not in ended]


def main(arguments: list[str]) -> int:
    """Command line; status 1 when a run failed or gave other results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--most", type=int, default=20, help="kills of one run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--run", default="smoke", help="config/RUN.yaml")
    parser.add_argument("--saving", type=float, default=0.05, help="seconds between saves")
    parser.add_argument("--gap", type=float, default=6.0, help="seconds until a kill, at most")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("targets", nargs="*", help="the run's own by default")
    given = parser.parse_args(arguments)
    draw = random.Random(given.seed)
    run = Run(tuple(given.targets or [given.run]), given.run, given.cores, given.saving, given.gap)
    whole = Project(given.folder / "undisturbed")
    if not whole.root.exists():
        done = Project.copy(whole.root).snakemake(
            *run.targets, config=f"config/{run.name}.yaml", cores=run.cores
        )
        if done.status:
            print(done.output)
            return 1
    patterns = [pattern for pattern in compared(run.name) if any(whole.root.glob(pattern))]
    print(f"undisturbed run: {whole.root}", flush=True)
    kills, bad, number = 0, 0, 0
    resumed: Counter[str] = Counter()
    while kills < given.kills:
        root = given.folder / f"killed{number}"
        number += 1
        shutil.rmtree(root, ignore_errors=True)
        project = Project.copy(root)
        started = time.monotonic()
        campaign = killed_run(project, run, min(given.most, given.kills - kills), draw)
        kills += len(campaign.met)
        resumed += campaign.resumed
        for met in campaign.met:
            print(f"  killed during: {'; '.join(met) or 'the start'}")
        wrong = (
            [campaign.output]
            if campaign.status
            else differences(project, whole, *patterns, run=run.name)
        )
        left = leftovers(project)
        verdict = "OTHER RESULTS" if wrong else "same results"
        print(
            f"run {number}: {len(campaign.met)} kills, {time.monotonic() - started:.0f} s,"
            f" {sum(campaign.resumed.values())} jobs went on, {verdict}, {len(left)} left over",
            flush=True,
        )
        if wrong or left:
            bad += 1
            print("\n".join([*wrong, *left]))
        else:
            shutil.rmtree(root)
    print(f"{kills} kills in {number} runs, {bad} of them bad; went on: {dict(resumed)}")
    return int(bad > 0)


def leftovers(project: Project) -> list[str]:
    """Hidden files in the results: progress or half-written files that nobody needs any more."""
    return [
        str(path.relative_to(project.root))
        for path in (project.root / "results").rglob(".*")
        if path.is_file()
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
