"""What docs/workflow.md says of Snakemake's own tools."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from advlearn.studies import NAMES, studies
from tests.helpers.server import Server
from tests.workflow import forks
from tests.workflow.project import ROOT, SMOKE, Project

STAND_IN = Path(__file__).with_name("conda")


@pytest.mark.parametrize("door", ["Snakefile", "workflow/Snakefile"])
def test_the_linter_finds_nothing(project: Project, door: str) -> None:
    done = project.snakemake("--lint", "--snakefile", door)
    assert done.status == 0, done.output
    assert "in a good condition" in done.output


@pytest.mark.xdist_group("smoke")
def test_the_report_has_every_table_and_figure_and_the_page(smoke: Project, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = smoke.snakemake("smoke", "--report", str(page))
    assert done.status == 0, done.output
    text = page.read_text(encoding="utf-8")
    results = embedded(text, "results")
    names = {Path(path).name for path in results}
    drawn = {f"{name}.csv" for each in studies() for name in each.tables}
    drawn |= {f"{name}.svg" for each in studies() for name in each.figures}
    assert names == {*drawn, "report.html"}
    captions = {name: result["caption"] for name, result in results.items()}
    assert all(len(caption.split()) > 5 for caption in captions.values()), captions
    categories = embedded(text, "categories")
    assert set(categories) == {"Page", *(each.title for each in studies())}
    for each in studies():
        assert set(categories[each.title]) == {"Tables", "Figures"}
    assert "Three papers on adversarial learning" in text


def embedded(page: str, name: str) -> Any:
    """What Snakemake's report gives its scripts under a name."""
    script = rf'<script id="{name}">\s*var {name} = (.*?);\s*</script>'
    found = re.search(script, page, re.DOTALL)
    assert found, name
    return json.loads(found[1])


def test_the_rules_can_be_drawn(project: Project) -> None:
    done = project.snakemake("--rulegraph", "--snakefile", "workflow/Snakefile")
    assert done.status == 0, done.output
    assert 'label = "topk_attack"' in done.output


@pytest.fixture
def conda(tmp_path: Path) -> dict[str, str]:
    """The environment of a command that finds the stand-in for conda, and not this package."""
    home = tmp_path / "conda"
    (home / "bin").mkdir(parents=True)
    shutil.copy(STAND_IN, home)
    (home / "bin" / "activate").write_text('export PATH="$1/bin:$PATH"\n', encoding="utf-8")
    return {
        "PATH": f"{home}{os.pathsep}{os.environ['PATH']}",
        "TESTED_PYTHON": sys.executable,
        "PYTHONPATH": "",
    }


def test_jobs_run_in_an_environment_of_conda(project: Project, conda: dict[str, str]) -> None:
    target = "results/smoke/bilevel/path/blobs.csv"
    done = project.snakemake(target, "--sdm", "conda", environment=conda)
    assert done.status == 0, done.output
    assert (project.root / target).is_file()
    assert done.output.count("Activating conda environment") == 2
    # One environment for all rules, from a file that conda can read without this project.
    created = (Path(conda["PATH"].split(os.pathsep)[0]) / "created").read_text().splitlines()
    (file,) = re.findall(r"--file (\S+)", " ".join(created))
    environment = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    assert environment["channels"][-1] == "nodefaults"
    python, pip, packages = environment["dependencies"]
    assert (python.partition("=")[0], pip) == ("python", "pip")
    assert all(re.fullmatch(r"[\w.-]+(\[\w+\])?==\S+", pin) for pin in packages["pip"])


def test_a_dockerfile_of_the_environment_is_printed(
    project: Project, conda: dict[str, str]
) -> None:
    done = project.run(*(forks.SCRIPT, "--containerize", "--configfile", SMOKE), environment=conda)
    assert done.status == 0, done.output
    assert "\nCOPY environment.yml /conda-envs/" in done.output
    assert "conda env create --prefix /conda-envs/" in done.output


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def test_rules_from_an_address_say_that_they_need_the_project(
    project: Project, tmp_path: Path, server: Server
) -> None:
    for path in (project.root / "Snakefile", *(project.root / "workflow").rglob("*")):
        if path.is_file():
            server.pages[f"/{path.relative_to(project.root)}"] = path.read_bytes()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "Snakefile").write_text(
        f'module advlearn:\n    snakefile: "{server.url}workflow/Snakefile"\n'
        '    config: {"run": "mine"}\nuse rule * from advlearn as adv_*\n',
        encoding="utf-8",
    )
    done = Project(elsewhere).run(
        *(forks.SCRIPT, "--dry-run", "--cores", "1"), environment={"no_proxy": "127.0.0.1"}
    )
    assert done.status != 0
    assert "error: the rules were read without the project around them" in done.output
    assert "remedy: clone the repository" in done.output


def test_what_the_catalog_asks_for_is_there() -> None:
    """Its page *adding workflows*; the linter is above, snakefmt is part of `make lint`."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").lower()
    assert "snakemake" in readme
    assert "workflow" in readme
    assert (ROOT / "workflow" / "Snakefile").is_file()
    assert list((ROOT / "workflow" / "rules").glob("*.smk"))
    guide = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"\]\((\S+?)\)", guide):
        assert (ROOT / "config" / path).exists(), path
    for name in (*NAMES, "paper", "demo", "smoke"):
        assert f"`{name}`" in guide
    settings = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text("utf-8"))
    assert settings == {
        "usage": {"software-stack-deployment": {"conda": True}, "report": True},
    }
