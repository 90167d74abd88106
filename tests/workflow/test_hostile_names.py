"""A folder may be called anything: jobs run in it, and nothing in its name is a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workflow.project import Project

POINTS = "x,y,kind\n" + "\n".join(f"{i % 7},{i * i % 11},{'ab'[i % 2]}" for i in range(30)) + "\n"
TARGET = "results/smoke/bilevel/data/mine.npz"
CONFIG = """
bilevel:
  datasets: {mine: {name: csv, path: %s, label: kind}, blobs: null}
  experiments: {trajectories: [mine], blackbox: [mine]}
"""


@pytest.mark.parametrize(
    "name",
    [
        'it\'s a "folder" $(touch pwned) `touch pwned` & ; | > x #',
        "%s *?[a] ~ \\ ü",
        " -rf ",
    ],
)
def test_a_rule_runs_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    project = Project.copy(tmp_path / name / "project")
    before = {path.name for path in project.root.iterdir()}
    own = "my $(touch pwned) 'points'.csv"
    (project.root / own).write_text(POINTS, encoding="utf-8")
    config = "config/own.yaml"
    smoke = (project.root / "config/smoke.yaml").read_text(encoding="utf-8")
    head, _, _ = smoke.partition("\nbilevel:\n")
    quoted = own.replace("'", "''")
    (project.root / config).write_text(head + CONFIG % f"'{quoted}'", encoding="utf-8")
    done = project.snakemake(TARGET, config=config)
    assert done.status == 0, done.output
    assert (project.root / TARGET).is_file()
    after = {path.name for path in project.root.iterdir()}
    assert after - before == {own, "results", "logs", ".snakemake"}
    assert not list(tmp_path.rglob("pwned"))


def test_braces_which_snakemake_does_not_bear_are_refused_in_words(tmp_path: Path) -> None:
    project = Project.copy(tmp_path / "{a} b")
    done = project.snakemake(TARGET)
    assert done.status == 1
    assert "cannot work in a folder with braces" in done.output
    assert "Traceback" not in done.output
