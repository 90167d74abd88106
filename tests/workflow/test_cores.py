"""The number of cores changes the time, never a result."""

from __future__ import annotations

import json

import pytest

from tests.workflow.project import Project

TABLES = ("results/smoke/tidy/*", "results/smoke/paper/tables/*", "results/smoke/paper/choices.md")
ARRAYS = (
    "results/smoke/models/**/*.safetensors",
    "results/smoke/retrained/**/*.safetensors",
    "results/smoke/selections/**/*.npz",
    "results/smoke/evaluation/**/*.npz",
)


@pytest.mark.slow
@pytest.mark.xdist_group("one_core")
def test_one_core_and_two_give_the_same_bytes(project: Project, smoke: Project) -> None:
    # Backwards by rule: another order of jobs too.
    done = project.snakemake("results/smoke/run.json", "tables", "report", cores=1)
    assert done.status == 0, done.output[-5000:]
    one, two = project.bytes_of(*TABLES, *ARRAYS), smoke.bytes_of(*TABLES, *ARRAYS)
    assert one.keys() == two.keys()
    different = [name for name, content in two.items() if one[name] != content]
    assert not different
    study = json.loads(one["results/smoke/tidy/study.json"])
    assert study["seeds"] == [0, 1]
