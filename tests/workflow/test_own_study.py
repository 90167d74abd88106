"""A fourth paper is one folder, one line, one rule file and one block; see docs/own-study.md."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.workflow.project import ROOT, Project

TOY = Path(__file__).with_name("toy")
EDITED = {"src/advlearn/studies/__init__.py", "Snakefile", "config/config.yaml"}
"""The files of the project that a new study edits: a line in each of the first two, a block."""
WRITTEN = {
    "study": "src/advlearn/studies/toy",
    "toy.smk": "workflow/rules/toy.smk",
    "captions": "workflow/report/toy",
    "published": "config/published/toy",
}
"""What a new study brings along -> where it is put."""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the project with a fourth study, whose target was run."""
    project = Project.copy(tmp_path_factory.mktemp("toy") / "project")
    for source, target in WRITTEN.items():
        place = project.root / target
        if (TOY / source).is_dir():
            shutil.copytree(TOY / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(TOY / source, place)
    last = 'include: "workflow/rules/report.smk"\n'
    project.edit("Snakefile", last, f'include: "workflow/rules/toy.smk"\n{last}')
    project.edit(
        "src/advlearn/studies/__init__.py", '    "bilevel",\n', '    "bilevel",\n    "toy",\n'
    )
    config = project.root / "config" / "config.yaml"
    config.write_text(f"{config.read_text()}\ntoy:\n  sizes: [1, 10, 100]\n")
    done = project.snakemake("toy")
    assert done.status == 0, done.output
    return project


def test_nothing_else_is_edited(toy: Project) -> None:
    smoke = "config/smoke.yaml"  # the copy of the tests has one seed more
    changed = set()
    for file in toy.root.rglob("*"):
        name = str(file.relative_to(toy.root))
        made = name.startswith(("results", "logs", ".snakemake")) or "__pycache__" in name
        if made or not file.is_file() or name == smoke:
            continue
        original = ROOT / name
        if not original.is_file() or original.read_bytes() != file.read_bytes():
            changed.add(name)
    new = {name for name in changed if name.startswith(tuple(WRITTEN.values()))}
    assert changed - new == EDITED


def test_its_target_makes_a_table_a_figure_and_a_record(toy: Project) -> None:
    paper = toy.root / "results/smoke/paper"
    rows = (paper / "tables/toy_means.csv").read_text().splitlines()
    assert rows[0].startswith("size,mean,ci_low,ci_high")
    assert len(rows) == 4
    assert "| draws |" in (paper / "tables/toy_means.md").read_text()
    assert r"\toprule" in (paper / "tables/toy_means.tex").read_text()
    for suffix in ("svg", "pdf", "png"):
        assert (paper / f"figures/toy_values.{suffix}").stat().st_size > 1000
    record = json.loads((toy.root / "results/smoke/run-toy.json").read_text())
    assert set(record["tidy"]) == {"toy_draws.csv", "toy_choices.csv", "toy_study.json"}
    assert record["study_seeds"]["toy"] == [0, 1]
    assert {"toy_draw", "toy_collect", "toy_tables", "toy_figures"} <= set(record["code"])
    assert toy.would_run("toy") == {}


def test_its_page(toy: Project) -> None:
    page = (toy.root / "results/smoke/report-toy.html").read_text()
    assert "Means of a few draws: run smoke" in page
    assert 'id="table-toy_means"' in page
    assert "One mark a seed and number of draws" in page
    assert "numbers drawn" in page


def test_a_number_of_it_is_explained(toy: Project) -> None:
    done = toy.advlearn("explain", "toy_means:size=10,mean", "--run", "results/smoke")
    assert done.status == 0, done.output
    assert "toy_draw 2" in done.output


def test_its_commands_and_rules_are_known(toy: Project) -> None:
    assert "draw numbers" in toy.advlearn("--help").output
    listed = toy.snakemake("--list-rules")
    assert {"toy", "toy_draw", "toy_collect", "toy_tables"} <= set(listed.output.split())
    # The report of all studies waits for it, too.
    assert {"toy_draw", "topk_attack"} <= set(toy.would_run("smoke", "--forceall"))


def test_a_wrong_key_of_its_block_is_an_error_like_the_others(toy: Project) -> None:
    said = {}
    for study, key in (("toy", "sizes"), ("topk", "images")):
        done = toy.snakemake("toy", "--dry-run", "--config", f"{study}={{{key}z: 1}}")
        assert done.status != 0
        said[study] = [
            line.replace(study, "STUDY").replace(key, "KEY")
            for line in done.output.splitlines()
            if "unknown key" in line or "remedy" in line
        ]
    assert said["toy"]
    assert said["toy"] == said["topk"]


def test_it_holds_the_projects_contracts(toy: Project) -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = toy.run(lint, "--no-cache", "--config", "pyproject.toml")
    assert done.status == 0, done.output


def test_the_page_about_it_shows_these_files() -> None:
    """Every code block of the page that names a file is that file, or a part of it."""
    page = (ROOT / "docs" / "own-study.md").read_text(encoding="utf-8")
    shown = 0
    for block in page.split("```")[1::2]:
        language, _, code = block.partition("\n")
        first = code.split("\n", 1)[0]
        for source, target in WRITTEN.items():
            if not first.startswith(f"# {target}"):
                continue
            file = TOY / source / first.removeprefix(f"# {target}").strip("/ ")
            file = file if file.is_file() else TOY / source
            assert code.split("\n", 1)[1].strip() in file.read_text(), (language, first)
            shown += 1
    assert shown >= 3


def test_the_block_of_the_page_is_the_one_that_was_run() -> None:
    page = (ROOT / "docs" / "own-study.md").read_text(encoding="utf-8")
    blocks = [block.partition("\n")[2] for block in page.split("```")[1::2]]
    found = [yaml.safe_load(block) for block in blocks if block.startswith("toy:")]
    assert found == [{"toy": {"sizes": [1, 10, 100]}}]
