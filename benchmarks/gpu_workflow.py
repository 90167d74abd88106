"""How long whole runs of the workflow take on one GPU and the cores beside it.

    python -m benchmarks.gpu_workflow

Runs the smoke run and study 1 at full size (five seeds, without its search, which has a size of
its own), each from nothing and with ``device: cuda``, and reads Snakemake's log. A run that is
stopped at ``--limit`` counts for the jobs that it did. Needs Snakemake; the jobs of a stopped run
are kept.
"""

from __future__ import annotations

import argparse
import math
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import common

STUDY = """\
run: bench-gpu
device: cuda
seeds: [0, 1, 2, 3, 4]
selective:
  calibrate: {draws: 2, block: 2, epochs: 1, random_finalists: 1, finalists_a_job: 1, seeds: [0]}
"""
_START = re.compile(r"^  Date: (.+)$", re.MULTILINE)
_TIME = re.compile(r"^\[\w{3} (\w{3} +\d+ \d\d:\d\d:\d\d \d{4})\]$", re.MULTILINE)
_STEPS = re.compile(r"^(\d+) of (\d+) steps", re.MULTILINE)


def measured(case: str, log: str) -> dict[str, Any]:
    """A row from Snakemake's output: jobs, those done, seconds from its start to the last of them.

    ``ours_s`` is missing where jobs are left.
    """
    start, steps, times = _START.search(log), _STEPS.findall(log), _TIME.findall(log)
    if not (start and steps and times):
        raise SystemExit(f"{case}: no job has ended\n{log[-2000:]}")
    last = datetime.strptime(times[-1], "%b %d %H:%M:%S %Y")
    seconds = (last - datetime.fromisoformat(start[1])).total_seconds()
    done, jobs = map(int, steps[-1])
    return {
        "benchmark": "gpu_workflow",
        "case": case,
        "jobs": jobs,
        "done": done,
        "ours_s": seconds if done == jobs else math.nan,
        "stopped_s": math.nan if done == jobs else seconds,
    }


def run(arguments: list[str], limit: float) -> str:
    """What Snakemake prints until it ends, or is stopped after ``limit`` seconds."""
    command = [sys.executable, "-m", "snakemake", "--nocolor", "--forceall", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    try:
        return process.communicate(timeout=limit)[0]
    except subprocess.TimeoutExpired:
        process.terminate()
        return process.communicate()[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cores", default="all")
    parser.add_argument("--limit", type=float, default=900, help="seconds of one run")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gpu_workflow.csv"))
    options = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        print("skipped: no CUDA device is visible to torch")
        return
    with TemporaryDirectory() as folder:
        study = Path(folder) / "study.yaml"
        study.write_text(STUDY, encoding="utf-8")
        cores = ["--cores", options.cores]
        cases = {
            "smoke": ["--configfile", "config/smoke.yaml", "--config", "device=cuda"],
            "study 1": ["--configfile", str(study), "--", "selective"],
        }
        rows = [
            measured(case, run([*cores, *arguments], options.limit))
            for case, arguments in cases.items()
        ]
    card = torch.cuda.get_device_name()
    machine = common.machine("torch", "snakemake")
    common.write([{**row, "card": card, **machine} for row in rows], options.out)


if __name__ == "__main__":
    main()
