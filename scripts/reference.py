"""Ship a finished full run: its tidy tables and its record, with everything drawn from them.

    python scripts/reference.py results/paper

Writes results/reference (tidy tables over 500 KB packed with gzip), draws its tables and figures,
and renews the results in README.md and docs/selective-training.md.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"
PACK_FROM_BYTES = 500_000


def ship(run: Path) -> None:
    """Copy what tables and figures read, and what the run was made with."""
    tidy = REFERENCE / "tidy"
    shutil.rmtree(tidy, ignore_errors=True)
    tidy.mkdir(parents=True)
    for file in sorted((run / "tidy").iterdir()):
        content = file.read_bytes()
        if file.suffix == ".csv" and len(content) > PACK_FROM_BYTES:
            # No time stamp: the same table gives the same bytes.
            (tidy / f"{file.name}.gz").write_bytes(gzip.compress(content, mtime=0))
        else:
            (tidy / file.name).write_bytes(content)
    for name in ("run.json", "config.yaml"):
        shutil.copyfile(run / name, REFERENCE / name)


def draw() -> None:
    """Tables, figures and the pages that quote them."""
    paper = REFERENCE / "paper"
    for stage in ("tables", "figures"):
        options = ["--tidy", str(REFERENCE / "tidy"), "--out", str(paper / stage)]
        subprocess.run([sys.executable, "-m", "advlearn", stage, *options], check=True, cwd=ROOT)
    subprocess.run([sys.executable, str(ROOT / "scripts" / "readme.py")], check=True, cwd=ROOT)


def main(arguments: list[str]) -> int:
    """Command line; returns the exit status."""
    if len(arguments) != 1 or not (Path(arguments[0]) / "run.json").is_file():
        print("usage: python scripts/reference.py results/RUN (a finished run)", file=sys.stderr)
        return 2
    ship(Path(arguments[0]))
    draw()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
