"""The workflow from another folder: its own files are found beside the Snakefile."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.workflow.project import ROOT, Project, job_counts

SNAKEMAKE = Path(sys.executable).with_name("snakemake")
MODULE = """\
module advlearn:
    snakefile:
        "{snakefile}"
    config:
        {config}


use rule * from advlearn as adv_*
"""
# Far from a whole configuration: config/config.yaml of the project has the rest.
PARTIAL = {
    "run": "mine",
    "data": {"dataset": "digits", "train_images": 600, "validation_images": 150},
}
FITTING = {"selective": {"evaluate": {"validation_images": 100}}}


class Elsewhere(Project):
    """An empty folder beside the project; commands run in it, on the project's package."""

    def environment(self, more: dict[str, str] | None = None) -> dict[str, str]:
        package = self.root.parent / "project" / "src"
        return super().environment({"PYTHONPATH": str(package)} | (more or {}))


@pytest.fixture
def elsewhere(project: Project, tmp_path: Path) -> Elsewhere:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return Elsewhere(folder)


def door(elsewhere: Elsewhere) -> tuple[str, str]:
    """Front door and smoke configuration of the project, as they are called from elsewhere."""
    project = os.path.relpath(elsewhere.root.parent / "project", elsewhere.root)
    return f"{project}/Snakefile", f"{project}/config/smoke.yaml"


@pytest.mark.parametrize("options", [(), ("--directory", ".")])
def test_a_run_in_an_empty_folder_is_the_run_of_the_project(
    project: Project, elsewhere: Elsewhere, options: tuple[str, ...]
) -> None:
    snakefile, config = door(elsewhere)
    planned = elsewhere.would_run("smoke", "--snakefile", snakefile, *options, config=config)
    assert planned == project.would_run("smoke")


def test_a_stage_runs_in_an_empty_folder_and_leaves_the_project_alone(
    project: Project, elsewhere: Elsewhere
) -> None:
    snakefile, config = door(elsewhere)
    done = elsewhere.snakemake(
        "results/smoke/data/dataset.json", "--snakefile", snakefile, config=config
    )
    assert done.status == 0, done.output
    assert (elsewhere.root / "results/smoke/data/dataset.json").is_file()
    assert not (project.root / "results").exists()
    # The lock is there: the profile beside the Snakefile was read, too.
    assert list((elsewhere.root / ".snakemake").glob("advlearn*.lock"))


@pytest.mark.parametrize("snakefile", ["Snakefile", "workflow/Snakefile"])
def test_a_module_takes_what_its_configuration_lacks_from_the_project(
    project: Project, elsewhere: Elsewhere, snakefile: str
) -> None:
    text = MODULE.format(snakefile=project.root / snakefile, config=PARTIAL | FITTING)
    (elsewhere.root / "Snakefile").write_text(text, encoding="utf-8")
    done = elsewhere.run(SNAKEMAKE, "--dry-run", "--cores", "1", "adv_topk_tables")
    assert done.status == 0, done.output
    assert "results/mine/" in done.output
    # Fifteen classifiers of config/config.yaml: three models, five seeds.
    assert job_counts(done.output)["adv_topk_pretrain"] == 15


def test_an_unknown_key_of_a_module_is_still_refused(
    project: Project, elsewhere: Elsewhere
) -> None:
    text = MODULE.format(snakefile=project.root / "Snakefile", config={"seedz": [0]})
    (elsewhere.root / "Snakefile").write_text(text, encoding="utf-8")
    done = elsewhere.run(SNAKEMAKE, "--dry-run", "--cores", "1", "adv_topk_tables")
    assert done.status != 0
    assert "seedz: unknown key" in done.output
    assert "required" not in done.output


def test_helpers_find_published_numbers_and_rules_from_elsewhere(elsewhere: Elsewhere) -> None:
    tidy = ROOT / "results" / "reference" / "tidy"
    done = elsewhere.advlearn("tables", "--study", "topk", "--tidy", tidy, "--out", "tables")
    assert done.status == 0, done.output
    made = elsewhere.root / "tables" / "topk_global.csv"
    shipped = ROOT / "results" / "reference" / "paper" / "tables" / "topk_global.csv"
    assert made.read_bytes() == shipped.read_bytes()
    done = elsewhere.advlearn("explain", "topk_models", "--run", tidy.parent)
    assert done.status == 0, done.output
    assert f"--snakefile {elsewhere.root.parent / 'project'}/Snakefile" in done.output
