"""How long Snakemake takes to build the graph of a study of about 10,000 jobs, and in what memory.

A dry run of the real workflow: config/config.yaml with more universes, seeds and point sets, under
the name of a run of which nothing is done. Beside it, as what Snakemake itself costs, an empty
workflow of as many jobs: one rule without parameters, conda environment or resources. Snakemake
works on one core here, so that the time of the processor is about what an idle machine shows on
the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks import common
from benchmarks.dry_run import count_jobs

TOY = """\
rule all:
    input: expand("made/{{i}}", i=range({jobs})),

rule one:
    output: "made/{{i}}",
    shell: "touch {{output}}"
"""


def study(base: dict[str, Any], universes: int, seeds: int, point_sets: int) -> dict[str, Any]:
    """What is laid over the full run's configuration.

    Every universe runs both attacks, three reductions and four clusterers; a job of each stage for
    each seed. Study 2 has the same seeds, study 3 as many more point sets, all attacked.
    """
    selective = base["selective"]
    names = [f"universe{number}" for number in range(universes)]
    grid = {
        "universes": names,
        "attacks": ["fgsm", "pgd"],
        "reductions": ["none", "pca", "tsne"],
        "clusterers": ["kmeans", "agglomerative", "dbscan", "hdbscan"],
    }
    blobs = {"name": "blobs", "points": 150, "clusters": 3, "separation": 6.0}
    return {
        "run": "bench-dag",
        "seeds": list(range(seeds)),
        "selective": {
            "primary": names[0],
            "universes": dict.fromkeys(names, selective["universes"][selective["primary"]]),
            "grid": [grid],
        },
        "bilevel": {
            "seeds": None,
            "datasets": {f"blobs{number}": blobs for number in range(point_sets)},
            "experiments": {"blackbox": None},
        },
    }


def dry_run(arguments: list[str]) -> dict[str, float]:
    """Seconds, memory and jobs of one dry run."""
    command = [str(Path(sys.executable).with_name("snakemake")), "--dry-run", "--cores", "2"]
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            [*command, "--nocolor", *arguments], stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        sys.exit(text[-3000:])
    return {
        "jobs": count_jobs(text),
        "ours_s": usage.ru_utime + usage.ru_stime,
        "wall_s": seconds,
        "peak_mb": usage.ru_maxrss * 1024 / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--config", type=Path, default=Path("config/config.yaml"))
    parser.add_argument("--universes", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--point-sets", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/dag.csv"))
    options = parser.parse_args()
    base = yaml.safe_load(options.config.read_text(encoding="utf-8"))
    laid_over = study(base, options.universes, options.seeds, options.point_sets)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large, toy = folder / "large.yaml", folder / "Snakefile"
        large.write_text(json.dumps(laid_over), encoding="utf-8")
        cases = {
            "the workflow": ["--configfile", str(large), "--", "paper"],
            "an empty workflow": ["--snakefile", str(toy), "--directory", str(folder)],
        }
        jobs = 0
        for case, arguments in cases.items():
            # As many jobs as the workflow had, that of the target included.
            toy.write_text(TOY.format(jobs=jobs - 1), encoding="utf-8")
            found = [dry_run(arguments) for _ in range(options.rounds)]
            jobs = int(found[0]["jobs"])
            medians = {key: statistics.median(one[key] for one in found) for key in found[0]}
            rows.append(
                {
                    "benchmark": "dag",
                    "case": case,
                    **medians,
                    "jobs": jobs,
                    "rounds": options.rounds,
                }
            )
    load, machine = os.getloadavg()[0], common.machine("snakemake")
    common.write([{**row, "load": load, **machine} for row in rows], options.out)


if __name__ == "__main__":
    main()
