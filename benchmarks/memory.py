"""Peak memory of every stage of a finished run, from what Snakemake wrote down while it ran.

No measurement of its own: the rules of the heavy stages have the directive ``benchmark``, and
Snakemake samples the resident memory of a job and its children. A short peak between two samples
is missed. Rules whose results are kept between runs (pretrain) have no such record.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import common

MIB = 1024 * 1024


def stages(folder: Path) -> list[dict[str, Any]]:
    """One row a stage: its number of jobs, largest memory, longest and total time."""
    rows = []
    for stage in sorted(path for path in folder.glob("*") if path.is_dir()):
        files = sorted(stage.glob("*.tsv"))
        if not files:
            continue
        # "-" or "NA": a job that ended before the first sample.
        frames = [pd.read_csv(file, sep="\t", na_values=["-", "NA"]) for file in files]
        jobs = pd.concat(frames, ignore_index=True)
        rows.append(
            {
                "benchmark": "memory",
                "case": stage.name,
                "jobs": len(files),
                "peak_mb": float(jobs["max_rss"].max()) * MIB / 1e6,
                "longest_s": float(jobs["s"].max()),
                "total_s": float(jobs["s"].sum()),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--run", type=Path, default=Path("results/paper"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/memory.csv"))
    options = parser.parse_args()
    rows = stages(options.run / "benchmarks")
    if not rows:
        sys.exit(f"{options.run}/benchmarks has no records: finish the run first")
    machine = common.machine("snakemake", "torch")
    common.write([{**row, **machine} for row in rows], options.out)


if __name__ == "__main__":
    main()
