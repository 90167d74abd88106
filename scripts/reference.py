"""Ship a finished full run: its tidy tables and its record, with everything drawn from them.

    python scripts/reference.py results/paper
    python scripts/reference.py results/paper topk    # one study alone

Writes results/reference (tidy tables over 500 KB packed with gzip), draws its tables and figures,
and renews the results in docs/studies. A study that was run alone has its own record,
run-STUDY.json and config-STUDY.yaml: the record of a run says nothing about another one.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

from advlearn.studies import NAMES as STUDIES

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"
PACK_FROM_BYTES = 500_000


def ship(run: Path, study: str | None) -> None:
    """Copy what tables and figures read, and what the run was made with."""
    tidy, mark = REFERENCE / "tidy", f"-{study}" if study else ""
    tidy.mkdir(parents=True, exist_ok=True)
    for file in tidy.iterdir():
        if study is None or file.name.startswith(f"{study}_"):
            file.unlink()
    for file in sorted((run / "tidy").glob(f"{study}_*" if study else "*")):
        content = file.read_bytes()
        if file.suffix == ".csv" and len(content) > PACK_FROM_BYTES:
            # No time stamp: the same table gives the same bytes.
            (tidy / f"{file.name}.gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            (tidy / file.name).write_bytes(content)
    if study is None:
        for old in (*REFERENCE.glob("run-*.json"), *REFERENCE.glob("config-*.yaml")):
            old.unlink()
    own = mark if recorded(run, mark) else ""
    shutil.copyfile(run / f"run{own}.json", REFERENCE / f"run{mark}.json")
    shutil.copyfile(run / f"config{own}.yaml", REFERENCE / f"config{mark}.yaml")


def recorded(run: Path, mark: str = "") -> bool:
    """Whether the run, or one study of it, has a record."""
    return (run / f"run{mark}.json").is_file()


def draw() -> None:
    """Tables, figures and the pages that quote them."""
    paper = REFERENCE / "paper"
    for stage in ("tables", "figures"):
        options = ["--tidy", str(REFERENCE / "tidy"), "--out", str(paper / stage)]
        subprocess.run([sys.executable, "-m", "advlearn", stage, *options], check=True, cwd=ROOT)
    subprocess.run([sys.executable, str(ROOT / "scripts" / "pages.py")], check=True, cwd=ROOT)


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    studies = arguments[1:]
    run = Path(arguments[0]) if arguments else ROOT
    found = any(recorded(run, mark) for mark in ("", *(f"-{study}" for study in studies)))
    if not found or len(studies) > 1 or not set(studies) <= set(STUDIES):
        known = ", ".join(STUDIES)
        print(f"usage: python scripts/reference.py results/RUN [{known}]", file=sys.stderr)
        return 2
    ship(run, studies[0] if studies else None)
    draw()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
