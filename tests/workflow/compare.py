"""Whether two runs of the smoke configuration gave the same results, byte for byte."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.workflow.project import Project

RUN = "results/smoke"
COMPARED = (
    f"{RUN}/tidy/*",
    f"{RUN}/paper/tables/*",
    f"{RUN}/paper/choices.md",
    f"{RUN}/calibration/*.csv",
    f"{RUN}/models/**/*.safetensors",
    f"{RUN}/selections/**/*",
    f"{RUN}/retrained/**/*",
    f"{RUN}/evaluation/**/*",
    f"{RUN}/topk/data/*",
    f"{RUN}/topk/models/**/*.csv",
    f"{RUN}/topk/attacks/**/*.csv",
    f"{RUN}/topk/attacks/**/*.npy",
    f"{RUN}/topk/transfer/*",
    f"{RUN}/bilevel/data/*",
    f"{RUN}/bilevel/path/*.npz",
    f"{RUN}/bilevel/certify/**/*",
    f"{RUN}/bilevel/delta/*",
)
# Seconds are in these, or checksums of files with seconds; all else of them is compared.
TIMED = (
    f"{RUN}/tidy/topk_metrics.csv",
    f"{RUN}/tidy/topk_study.json",
    f"{RUN}/tidy/bilevel_path.csv",
    f"{RUN}/tidy/bilevel_attacks.csv",
    f"{RUN}/tidy/bilevel_onepoint.csv",
    f"{RUN}/tidy/bilevel_study.json",
)
# The one table that shows seconds; all else of it is in bilevel_attacks.csv.
SHOWS_SECONDS = f"{RUN}/paper/tables/bilevel_attacks."


def differences(one: Project, other: Project, *patterns: str) -> list[str]:
    """Files that differ, or that only one of two smoke runs has, measured seconds left out.

    Args:
        one: a project with a finished smoke run.
        other: another one.
        patterns: the files; by default all that a run computes.
    """
    first, second = (run.bytes_of(*(patterns or COMPARED)) for run in (one, other))
    found = sorted(first.keys() ^ second.keys())
    for name in sorted(first.keys() & second.keys()):
        if first[name] == second[name] or SHOWS_SECONDS in name:
            continue
        if name not in TIMED or untimed(one.root / name) != untimed(other.root / name):
            found.append(name)
    return found


def untimed(path: Path) -> list[str] | list[list[str]]:
    """What of the file depends on no time."""
    rows = path.read_text(encoding="utf-8").splitlines()
    if path.suffix == ".json":
        timed = tuple(f'"{Path(name).name}":' for name in TIMED)
        return [row for row in rows if not row.strip().startswith(timed)]
    header, *cells = list(csv.reader(rows))
    if "seconds" not in header:
        return [row for row in rows if ",seconds," not in row]
    column = header.index("seconds")
    return [header, *([*row[:column], *row[column + 1 :]] for row in cells)]
