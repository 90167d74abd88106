"""Kill a run again and again, start it anew with the same command, and look at what comes out.

    PYTHONPATH=src:. python -m tests.workflow.kills --kills 50 --folder /tmp/kills

makes an undisturbed run of the smoke configuration (or of the targets that are named, such as
``bilevel``) and then runs that are killed, until there were so many kills, each
by SIGKILL to all its processes at a random moment; prints a line a kill and a verdict a run.
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
from dataclasses import dataclass, field
from pathlib import Path

from tests.workflow.compare import COMPARED, differences
from tests.workflow.project import SMOKE, Project

# Progress is saved all the time, so that short jobs have some, too.
SAVING = {"ADVLEARN_SAVE_SECONDS": "0.05"}


@dataclass
class Campaign:
    """What happened to one run: the jobs that each kill met, jobs that went on, the last output."""

    met: list[list[str]] = field(default_factory=list)
    resumed: Counter[str] = field(default_factory=Counter)
    output: str = ""
    status: int = 0


def killed_run(
    project: Project,
    targets: tuple[str, ...],
    cores: int,
    kills: int,
    draw: random.Random,
    least: float = 1.0,
) -> Campaign:
    """Run the targets, killed at most ``kills`` times, until they are made.

    A kill comes ``least`` to 15 seconds after the start.
    """
    campaign = Campaign()
    while True:
        # Starting takes a while: with less than this nothing would ever be done.
        patience = draw.uniform(least, 15.0) if len(campaign.met) < kills else 3600.0
        log = project.root / f"attempt{len(campaign.met)}.log"
        status = attempt(project, targets, cores, patience, log)
        output = log.read_text(encoding="utf-8", errors="replace")
        campaign.resumed.update(
            re.findall(r"resumed from \S*?results/smoke/(\w+(?:/\w+)?)", output)
        )
        if status is not None:
            campaign.output, campaign.status = output, status
            return campaign
        campaign.met.append(running(output))


def attempt(
    project: Project, targets: tuple[str, ...], cores: int, patience: float, log: Path
) -> int | None:
    """Start the run; its status, none when it took longer than ``patience`` and was killed."""
    command = (
        str(Path(sys.executable).with_name("snakemake")), "--cores", str(cores), "--nocolor",
        *targets, "--configfile", SMOKE,
    )  # fmt: skip
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=project.root,
            env=project.environment(SAVING),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None


def running(output: str) -> list[str]:
    """Rules of the jobs that had begun and not ended."""
    begun = dict.fromkeys(re.findall(r"jobid: (\d+)", output))
    rules = dict(
        zip(begun, re.findall(r"^(?:local)?rule (\w+):", output, re.MULTILINE), strict=False)
    )
    ended = set(re.findall(r"Finished jobid: (\d+)", output))
    return [rule for job, rule in rules.items() if job not in ended]


def main(arguments: list[str]) -> int:
    """Command line; status 1 when a run failed or gave other results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--most", type=int, default=20, help="kills of one run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("targets", nargs="*", default=["smoke"])
    given = parser.parse_args(arguments)
    draw = random.Random(given.seed)
    targets = tuple(given.targets)
    whole = Project(given.folder / "undisturbed")
    if not whole.root.exists():
        done = Project.copy(whole.root).snakemake(*targets, cores=given.cores)
        if done.status:
            print(done.output)
            return 1
    patterns = [pattern for pattern in COMPARED if any(whole.root.glob(pattern))]
    print(f"undisturbed run: {whole.root}", flush=True)
    kills, bad, number = 0, 0, 0
    resumed: Counter[str] = Counter()
    while kills < given.kills:
        root = given.folder / f"killed{number}"
        number += 1
        shutil.rmtree(root, ignore_errors=True)
        project = Project.copy(root)
        started = time.monotonic()
        campaign = killed_run(
            project, targets, given.cores, min(given.most, given.kills - kills), draw
        )
        kills += len(campaign.met)
        resumed += campaign.resumed
        for met in campaign.met:
            print(f"  killed during {', '.join(met) or 'start'}")
        wrong = [campaign.output] if campaign.status else differences(project, whole, *patterns)
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
