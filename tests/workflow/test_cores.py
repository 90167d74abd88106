"""Neither the number of cores nor the order of the jobs changes a result."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest

from tests.workflow.compare import differences
from tests.workflow.project import Project

RUN = "results/smoke"


@pytest.mark.slow
@pytest.mark.xdist_group("one_core")
def test_one_core_and_another_order_give_the_same_bytes(smoke: Project, tmp_path: Path) -> None:
    project = smoke.moved(tmp_path / "copy")
    shuffle_priorities(project)
    # All that two cores made of one seed, and all that gathers both. The other seed stays: it
    # would take as long again and show the same.
    lost = [
        path for path in project.root.glob(f"{RUN}/*/*/seed1") if path.parts[-3] != "benchmarks"
    ]
    assert len(lost) == 8
    folders = ("search", "topk", "bilevel", "tidy", "paper")
    for path in (*lost, *(project.root / RUN / name for name in folders)):
        shutil.rmtree(path)
    for name in ("report.html", "run.json", "config.yaml"):
        (project.root / RUN / name).unlink()
    expected = {
        "calibrate": 2, "finalists": 1, "confirm": 2, "pretrain": 1, "craft": 2,
        "embed": 3, "cluster": 7, "select": 3,
        "retrain": 3, "evaluate": 3, "strengthen": 2, "collect": 1,
        "selective_tables": 1, "selective_figures": 1,
        "topk_data": 1, "topk_pretrain": 1, "topk_search": 1, "topk_attack": 4, "topk_transfer": 1,
        "topk_collect": 1, "topk_tables": 1, "topk_figures": 1, "bilevel_data": 1,
        "bilevel_path": 1, "bilevel_certify": 1, "bilevel_attack": 1, "bilevel_blackbox": 1,
        "bilevel_poison": 1, "bilevel_onepoint": 1, "bilevel_delta": 1, "bilevel_collect": 1,
        "bilevel_tables": 1, "bilevel_figures": 1, "record": 1, "report": 1,
    }  # fmt: skip
    assert project.would_run("smoke") == expected

    done = project.snakemake("smoke", cores=1)
    assert done.status == 0, done.output[-5000:]
    assert differences(project, smoke) == []


def shuffle_priorities(project: Project) -> None:
    """Give every rule another, random priority: jobs that could run at once change places."""
    draw = random.Random(5)
    for file in sorted((project.root / "workflow" / "rules").glob("*.smk")):
        text = re.sub(r"\n    priority: \d+\n", "\n", file.read_text(encoding="utf-8"))
        text, count = re.subn(
            r"(?m)^(rule \w+:\n)",
            lambda head: f"{head[1]}    priority: {draw.randrange(100)}\n",
            text,
        )
        assert count or file.name == "common.smk", file
        file.write_text(text, encoding="utf-8")
