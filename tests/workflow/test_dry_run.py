"""Every shipped configuration gives a graph of jobs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from advlearn import plan
from advlearn.studies import NAMES
from tests.workflow.jobs import ALONE, ON_REQUEST
from tests.workflow.project import ROOT, SMOKE, Project, job_counts

CONFIGURATIONS = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "config").rglob("*.yaml") if path.is_file()
)
CLASSES = [{"id": number, "name": f"class{number}"} for number in range(20)]
HEAVY = {"torch", "torchvision", "sklearn", "scipy", "matplotlib", "openTSNE", "hdbscan", "cvxpy"}


def test_the_shipped_configurations_are_found() -> None:
    assert {"config/config.yaml", "config/demo.yaml", "config/smoke.yaml"} < set(CONFIGURATIONS)
    assert any(name.startswith("config/scenarios/") for name in CONFIGURATIONS)


@pytest.mark.parametrize("config", CONFIGURATIONS)
def test_dry_run_names_every_stage(project: Project, config: str) -> None:
    if "mosaics" in config:  # made by scripts/mosaics.py
        folder = project.root / "mosaics" / "annotations"
        folder.mkdir(parents=True)
        for part in ("train", "val"):
            content = {"images": [], "annotations": [], "categories": CLASSES}
            (folder / f"instances_{part}2014.json").write_text(json.dumps(content))
    # The one data set without an official address: its folder is the user's.
    given = ("--config", "topk={photos: {root: copy}}") if "nuswide" in config else ()
    if given:
        lists = {f"ImageList/{part}Imagelist.txt": "a_1.jpg\n" for part in ("Train", "Test")}
        header = ",".join(["name", *map(str, range(81))])
        for part in ("trainval", "test"):
            lists[f"classification_labels/classification_{part}.csv"] = f"{header}\n"
        for name, text in lists.items():
            (project.root / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
            (project.root / "copy" / name).write_text(text)
    done = project.snakemake("--dry-run", *given, config=config)
    assert done.status == 0, done.output
    searching = (
        yaml.safe_load((ROOT / config).read_text()).get("selective", {}).get("calibrate", True)
    )
    left_out = set() if searching else {"calibrate", "finalists", "confirm"}
    assert set(job_counts(done.output)) == set(plan.rules()) - ON_REQUEST - ALONE - left_out
    assert not (project.root / "results").exists()


def test_a_dry_run_of_the_full_run_loads_little_and_opens_no_source_for_every_job(
    project: Project,
) -> None:
    """What would make it slow; how long it takes is measured by benchmarks/dry_run.py."""
    counts = project.root / "counts.json"
    path = (str(project.root / "src"), str(Path(__file__).with_name("tracing")))
    done = project.snakemake(
        "--dry-run", "paper",
        config="config/config.yaml",
        environment={"PYTHONPATH": os.pathsep.join(path), "COUNTED": str(counts)},
    )  # fmt: skip
    assert done.status == 0, done.output
    assert sum(job_counts(done.output).values()) > 300
    work = json.loads(counts.read_text(encoding="utf-8"))
    # pandas and numpy are Snakemake's own.
    assert not HEAVY & set(work["loaded"])
    assert not [
        name for name in work["loaded"] if name.startswith("advlearn.") and ".stages" in name
    ]
    # Once for its names, once for its digest, once by Python where it is imported.
    sources = {str(file) for file in (project.root / "src").rglob("*.py")}
    opened = {name: times for name, times in work["opened"].items() if name in sources}
    assert len(opened) > 200
    assert max(opened.values()) <= 3, opened


def test_every_named_target_is_known(project: Project) -> None:
    for_people = ("all", "paper", "smoke", *NAMES, "report")
    assert set(project.would_run(*for_people)) == set(plan.rules()) - ON_REQUEST


@pytest.mark.parametrize(
    ("target", "config"),
    [
        ("smoke", "config/config.yaml"),
        ("demo", "config/config.yaml"),
        ("demo", SMOKE),
        ("smoke", "config/scenarios/cifar10.yaml"),
    ],
)
def test_a_named_run_with_the_configuration_of_another_is_refused(
    project: Project, target: str, config: str
) -> None:
    done = project.snakemake("--dry-run", target, config=config)
    assert done.status != 0
    assert f"the target '{target}' is the run of config/{target}.yaml" in done.output
    assert f"snakemake {target} --cores N --configfile config/{target}.yaml" in done.output
    assert "Traceback" not in done.output
    assert "Job stats" not in done.output


@pytest.mark.parametrize("study", NAMES)
def test_a_study_can_be_asked_for_alone(project: Project, study: str) -> None:
    stages = set(project.would_run(study))
    assert {f"{study}_tables", f"{study}_figures", f"{study}_report", "record"} <= stages
    assert "report" not in stages
    others = tuple(set(NAMES) - {study})
    assert not [stage for stage in stages if stage.startswith(others)]
    assert ("craft" in stages) == (study == "selective")
    # The point sets of study 3 are no images of the run's data set.
    assert ("prepare" in stages) == (study != "bilevel")


@pytest.mark.parametrize("targets", [("smoke",), ()])
def test_the_front_door_of_the_catalogue_is_the_same_workflow(
    project: Project, targets: tuple[str, ...]
) -> None:
    other = project.would_run(*targets, "--snakefile", "workflow/Snakefile")
    assert other == project.would_run(*targets)


def test_an_unknown_target_is_refused(project: Project) -> None:
    done = project.snakemake("--dry-run", "smokee")
    assert done.status != 0
    assert "smokee" in done.output
