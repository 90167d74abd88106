"""How long Snakemake takes to say what the full run would do, before any job starts.

Case ``nothing done``: a run under a new name, so that every job is due and none has a record.
Case ``as found``: the configuration as it is; where the full run is done, Snakemake compares the
record of every file with what it would write now.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import common

CASES = {"nothing done": ("--config", "run=bench-dry-run"), "as found": ()}


def count_jobs(output: str) -> int:
    """Jobs that a dry run's output announces: the total of its table, 0 if nothing is due."""
    totals = re.findall(r"^total\s+(\d+)\s*$", output, flags=re.MULTILINE)
    return int(totals[-1]) if totals else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--target", default="paper")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/dry_run.csv"))
    options = parser.parse_args()
    base = [str(Path(sys.executable).with_name("snakemake")), "--dry-run", "--cores", "2"]
    base += ["--nocolor", "--configfile", str(options.config)]

    seconds: dict[str, list[float]] = {case: [] for case in CASES}
    jobs: dict[str, int] = {}
    for _ in range(options.rounds):
        for case, arguments in CASES.items():
            command = [*base, *arguments, "--", options.target]
            started = time.perf_counter()
            run = subprocess.run(
                command, capture_output=True, encoding="utf-8", errors="replace", check=False
            )
            seconds[case].append(time.perf_counter() - started)
            if run.returncode:
                sys.exit(run.stdout + run.stderr)
            jobs[case] = count_jobs(run.stdout + run.stderr)
    machine = common.machine("snakemake")
    common.write(
        [
            {
                "benchmark": "dry_run",
                "case": case,
                "jobs": jobs[case],
                "ours_s": statistics.median(times),
                "longest_s": max(times),
                "rounds": options.rounds,
                **machine,
            }
            for case, times in seconds.items()
        ],
        options.out,
    )


if __name__ == "__main__":
    main()
