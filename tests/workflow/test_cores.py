"""The number of cores changes the time, never a result."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

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


@pytest.mark.slow
@pytest.mark.xdist_group("one_core")
def test_one_core_and_two_give_the_same_bytes(smoke: Project, tmp_path: Path) -> None:
    project = smoke.moved(tmp_path / "copy")
    # All that two cores made of one seed, and all that gathers both. The other seed stays: it
    # would take as long again and show the same.
    lost = [
        path for path in project.root.glob(f"{RUN}/*/*/seed1") if path.parts[-3] != "benchmarks"
    ]
    assert len(lost) == 7
    folders = ("calibration", "topk", "bilevel", "tidy", "paper")
    for path in (*lost, *(project.root / RUN / name for name in folders)):
        shutil.rmtree(path)
    for name in ("report.html", "run.json", "config.yaml"):
        (project.root / RUN / name).unlink()
    expected = {
        "calibrate": 1, "pretrain": 1, "craft": 2, "embed": 3, "cluster": 7, "select": 3,
        "retrain": 3, "evaluate": 3, "collect": 1, "selective_tables": 1, "selective_figures": 1,
        "topk_data": 1, "topk_pretrain": 1, "topk_attack": 4, "topk_transfer": 1,
        "topk_collect": 1, "topk_tables": 1, "topk_figures": 1, "bilevel_data": 1,
        "bilevel_path": 1, "bilevel_certify": 1, "bilevel_attack": 1, "bilevel_blackbox": 1,
        "bilevel_onepoint": 1, "bilevel_delta": 1, "bilevel_collect": 1, "bilevel_tables": 1,
        "bilevel_figures": 1, "record": 1, "report": 1,
    }  # fmt: skip
    assert project.would_run("smoke") == expected

    done = project.snakemake("smoke", cores=1)
    assert done.status == 0, done.output[-5000:]
    one, two = project.bytes_of(*COMPARED), smoke.bytes_of(*COMPARED)
    assert one.keys() == two.keys()
    differ = [name for name, content in two.items() if one[name] != content]
    assert not [name for name in differ if name not in TIMED and SHOWS_SECONDS not in name]
    for name in TIMED:
        assert untimed(project.root / name) == untimed(smoke.root / name), name


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
