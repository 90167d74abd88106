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

import argparse
import gzip
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from advlearn.stages.tidy_folder import PUBLISHED, chosen_studies, open_tidy
from advlearn.studies import NAMES as STUDIES
from advlearn.support.errors import UserError
from advlearn.support.terminal import command

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "results" / "reference"
FURTHER = ROOT / "results" / "further"
PACK_FROM_BYTES = 500_000


def checked(run: Path, study: str | None, shipped: Path) -> list[Path]:
    """What is shipped of a run: its tidy tables, its record and its configuration, in this order.

    Raises:
        UserError: the run is where it would be shipped to, lacks one of them or a study, or its
            tables are not what its record says.
    """
    if run.resolve() == shipped.resolve():
        raise UserError(
            "the run is the shipped one",
            where=str(run),
            remedy="give the folder of a run, such as results/paper",
        )
    mark = f"-{study}" if study and (run / f"run-{study}.json").is_file() else ""
    record = [run / f"run{mark}.json", run / f"config{mark}.yaml"]
    for path in record:
        if not path.is_file():
            alone = [name for name in STUDIES if (run / f"run-{name}.json").is_file()]
            raise UserError(
                f"the run has no {path.name}",
                where=str(run),
                remedy=f"name a study that was run alone: {', '.join(alone)}"
                if alone and not study
                else "let the run be finished, with the target of the study or of the whole run",
            )
    files = []
    for each in chosen_studies(run / "tidy", [study] if study else None):
        tidy = open_tidy(each, run / "tidy", PUBLISHED)
        for name in tidy.schema.tables:
            len(tidy[name])  # reads and checks it
        for name in tidy.schema.arrays:
            tidy.arrays(name)
        files += sorted((run / "tidy").glob(f"{each.name}_*"))
    return [*files, *record]


def ship(run: Path, study: str | None, shipped: Path) -> None:
    """Copy what tables and figures read, and what the run was made with, into a folder.

    Raises:
        UserError: something is not there or not as it should be; nothing is changed then.
    """
    *files, record, configuration = checked(run, study, shipped)
    tidy, mark = shipped / "tidy", f"-{study}" if study else ""
    content = {path.name: path.read_bytes() for path in files}
    tidy.mkdir(parents=True, exist_ok=True)
    for file in tidy.iterdir():
        if study is None or file.name.startswith(f"{study}_"):
            file.unlink()
    for name, table in content.items():
        if name.endswith(".csv") and len(table) > PACK_FROM_BYTES:
            # No time stamp: the same table gives the same bytes.
            (tidy / f"{name}.gz").write_bytes(gzip.compress(table, mtime=0))
        else:
            (tidy / name).write_bytes(table)
    if study is None:
        for old in (*shipped.glob("run-*.json"), *shipped.glob("config-*.yaml")):
            old.unlink()
    shutil.copyfile(record, shipped / f"run{mark}.json")
    shutil.copyfile(configuration, shipped / f"config{mark}.yaml")


def draw() -> None:
    """Tables and figures of the reference run."""
    paper = REFERENCE / "paper"
    for stage in ("tables", "figures"):
        options = ["--tidy", str(REFERENCE / "tidy"), "--out", str(paper / stage)]
        subprocess.run([sys.executable, "-m", "advlearn", stage, *options], check=True, cwd=ROOT)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line.

    Raises:
        UserError: the run cannot be shipped.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("study", nargs="?", choices=STUDIES, help="this study alone")
    parser.add_argument(
        "--further", action="store_true", help="keep it beside the reference, by its name"
    )
    given = parser.parse_args(arguments)
    if given.further and given.study is None:
        parser.error("--further needs a study: a further run is one of a study alone")
    further = FURTHER / given.run.resolve().name
    ship(given.run, given.study, further if given.further else REFERENCE)
    if not given.further:
        draw()
    subprocess.run([sys.executable, str(ROOT / "scripts" / "pages.py")], check=True, cwd=ROOT)


if __name__ == "__main__":
    with command():
        main()
