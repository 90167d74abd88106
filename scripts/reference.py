"""Ship a finished full run: its tidy tables and its record, with everything drawn from them.

    python scripts/reference.py results/paper
    python scripts/reference.py results/paper topk    # one study alone
    python scripts/reference.py --further results/cifar10 selective

Writes results/reference (tidy tables over 500 KB packed with gzip), draws its tables and figures,
and renews the results in docs/studies. A study that was run alone has its own record,
run-STUDY.json and config-STUDY.yaml: the record of a run says nothing about another one.
A further run of a study, as on other data, keeps its name: results/further/RUN has its tidy tables
and its record, and pages show tables of it.
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
FURTHER = ROOT / "results" / "further"
PACK_FROM_BYTES = 500_000


def ship(run: Path, study: str | None, shipped: Path) -> None:
    """Copy what tables and figures read, and what the run was made with, into a folder."""
    tidy, mark = shipped / "tidy", f"-{study}" if study else ""
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
        for old in (*shipped.glob("run-*.json"), *shipped.glob("config-*.yaml")):
            old.unlink()
    own = mark if recorded(run, mark) else ""
    shutil.copyfile(run / f"run{own}.json", shipped / f"run{mark}.json")
    shutil.copyfile(run / f"config{own}.yaml", shipped / f"config{mark}.yaml")


def recorded(run: Path, mark: str = "") -> bool:
    """Whether the run, or one study of it, has a record."""
    return (run / f"run{mark}.json").is_file()


def draw() -> None:
    """Tables and figures of the reference run."""
    paper = REFERENCE / "paper"
    for stage in ("tables", "figures"):
        options = ["--tidy", str(REFERENCE / "tidy"), "--out", str(paper / stage)]
        subprocess.run([sys.executable, "-m", "advlearn", stage, *options], check=True, cwd=ROOT)


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    further = arguments[:1] == ["--further"]
    run, *studies = arguments[further:] or [str(ROOT)]
    found = any(recorded(Path(run), mark) for mark in ("", *(f"-{study}" for study in studies)))
    wrong = len(studies) > 1 or not set(studies) <= set(STUDIES) or (further and not studies)
    if not found or wrong:
        known = ", ".join(STUDIES)
        usage = f"usage: python scripts/reference.py [--further] results/RUN [{known}]"
        print(usage, file=sys.stderr)
        return 2
    study = studies[0] if studies else None
    ship(Path(run), study, FURTHER / Path(run).resolve().name if further else REFERENCE)
    if not further:
        draw()
    subprocess.run([sys.executable, str(ROOT / "scripts" / "pages.py")], check=True, cwd=ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
