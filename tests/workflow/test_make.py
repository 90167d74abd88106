"""The Makefile: every target can be planned, and the list of targets is complete."""

from __future__ import annotations

import re

import pytest

from tests.workflow.project import ROOT, Project

TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def test_the_promised_targets_exist() -> None:
    promised = {
        "env", "demo", "smoke", "paper", "figures", "report", "why", "test", "isa-test",
        "stale-test", "slurm-test", "lint", "clean",
    }  # fmt: skip
    assert promised <= set(TARGETS)


@pytest.mark.parametrize("target", TARGETS)
def test_a_plan_of_the_target_is_made_without_running_it(project: Project, target: str) -> None:
    done = project.run("make", "--dry-run", "CORES=1", target)
    assert done.status == 0, done.output
    assert done.output.strip()
    # In an empty environment everything that needs Python makes it first.
    if target not in {"help", "clean", "distclean"}:
        assert "pip install" in done.output
    assert not (project.root / ".venv").exists()


@pytest.mark.parametrize("arguments", [("help",), ()])
def test_help_lists_every_target_with_a_description(
    project: Project, arguments: tuple[str, ...]
) -> None:
    done = project.run("make", *arguments)
    assert done.status == 0, done.output
    for target in TARGETS:
        assert re.search(rf"^ +make {target} +\S", done.output, flags=re.MULTILINE), target


def test_run_chooses_configuration_and_target(project: Project) -> None:
    done = project.run("make", "--dry-run", "CORES=3", "RUN=smoke", "report", "why")
    assert "--cores 3 report --configfile config/smoke.yaml" in done.output
    assert "scripts/why.py paper --configfile config/smoke.yaml" in done.output


def test_every_shipped_configuration_is_a_run_of_make(project: Project) -> None:
    for path in (project.root / "config/scenarios").glob("*.yaml"):
        done = project.run("make", "--dry-run", f"RUN={path.stem}", "report", "why")
        assert done.status == 0, done.output
        named = f"--configfile config/scenarios/{path.name}"
        assert done.output.count(named) == 2


@pytest.mark.parametrize("target", ["why", "report"])
@pytest.mark.parametrize("wrong", ["RUN=nosuch", "RUN=", "CONFIG=my-lab.yaml"])
def test_a_run_without_a_configuration_is_refused_before_anything_is_made(
    project: Project, target: str, wrong: str
) -> None:
    done = project.run("make", target, wrong)
    assert done.status != 0
    assert "there is no configuration" in done.output
    for name in ("paper", "demo", "smoke", "fashion-mnist", "CONFIG=my-lab.yaml"):
        assert name in done.output
    assert not (project.root / ".venv").exists()


def test_only_the_shipped_run_is_explained_from_the_reference(project: Project) -> None:
    done = project.run("make", "--dry-run", "WHAT=topk_global", "explain")
    assert "--run results/reference" in done.output
    done = project.run("make", "--dry-run", "WHAT=topk_global", "RUN=demo", "explain")
    assert "--run results/demo" in done.output
    assert "--all" not in done.output
    done = project.run("make", "--dry-run", "WHAT=topk_global", "ALL=1", "explain")
    assert "explain 'topk_global' --all --run results/reference" in done.output


def test_an_unknown_target_is_refused(project: Project) -> None:
    assert project.run("make", "papre").status != 0
