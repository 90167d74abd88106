"""Whether two runs of one configuration gave the same results, byte for byte."""

from __future__ import annotations

import csv
from pathlib import Path

from tests.workflow.project import Project

RUN = "results/smoke"
_COMPUTED = (
    "tidy/*",
    "paper/tables/*",
    "paper/choices.md",
    "search/**/*.csv",
    "models/**/*.safetensors",
    "selections/**/*",
    "retrained/**/*",
    "evaluation/**/*",
    "strength/**/*",
    "topk/data/*",
    "topk/models/**/*.csv",
    "topk/attacks/**/*.csv",
    "topk/attacks/**/*.npy",
    "topk/transfer/*",
    "bilevel/data/*",
    "bilevel/path/*.npz",
    "bilevel/certify/**/*",
    "bilevel/delta/*",
)
# Seconds are in these, or checksums of files with seconds; all else of them is compared.
_TIMED = (
    "tidy/topk_metrics.csv",
    "tidy/topk_study.json",
    "tidy/bilevel_path.csv",
    "tidy/bilevel_attacks.csv",
    "tidy/bilevel_poisoning.csv",
    "tidy/bilevel_onepoint.csv",
    "tidy/bilevel_study.json",
)
# The one table that shows seconds; all else of it is in bilevel_attacks.csv.
SHOWS_SECONDS = "/paper/tables/bilevel_attacks."


def compared(run: str = "smoke") -> tuple[str, ...]:
    """Patterns of all that a run computes."""
    return tuple(f"results/{run}/{pattern}" for pattern in _COMPUTED)


def differences(one: Project, other: Project, *patterns: str, run: str = "smoke") -> list[str]:
    """Files that differ, or that only one of two runs has, measured seconds left out.

    Args:
        one: a project with a finished run.
        other: another one.
        patterns: the files; by default all that a run computes.
        run: its name.
    """
    first, second = (each.bytes_of(*(patterns or compared(run))) for each in (one, other))
    timed = {f"results/{run}/{name}" for name in _TIMED}
    found = sorted(first.keys() ^ second.keys())
    for name in sorted(first.keys() & second.keys()):
        if first[name] == second[name] or SHOWS_SECONDS in name:
            continue
        if name not in timed or untimed(one.root / name) != untimed(other.root / name):
            found.append(name)
    return found


def untimed(path: Path) -> list[str] | list[list[str]]:
    """What of the file depends on no time."""
    rows = path.read_text(encoding="utf-8").splitlines()
    if path.suffix == ".json":
        timed = tuple(f'"{Path(name).name}":' for name in _TIMED)
        return [row for row in rows if not row.strip().startswith(timed)]
    header, *cells = list(csv.reader(rows))
    if "seconds" not in header:
        return [row for row in rows if ",seconds," not in row]
    column = header.index("seconds")
    return [header, *([*row[:column], *row[column + 1 :]] for row in cells)]
