"""A shipped scenario runs to its end: a dry run does not see what its tables lack."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.helpers.configuration import merged
from tests.workflow.project import Project

SMALL = {
    "run": "small",
    "seeds": [0],
    "data": {
        "dataset": "digits",
        "train_images": 400,
        "test_images": 100,
        "validation_images": 100,
    },
    "selective": {
        "universes": {
            "standard": {
                "model": {"name": "mlp", "hidden": []},
                "training": {"epochs": 1},
                "retrain": {"online_steps": 1},
            }
        },
        "cluster": {"kmeans": {"n_clusters": [1, 2]}, "agglomerative": {"n_clusters": [1, 2]}},
        "evaluate": {
            "validation_images": 100,
            "sanity_images": 20,
            "strong": {"images": 10, "steps": 2, "queries": 5, "n_clusters": [2]},
        },
    },
}
"""Laid over a scenario of study 1: the digits of scikit-learn and as little of each as can be."""


def test_a_run_on_other_data_has_no_search_and_reaches_its_report(project: Project) -> None:
    scenario = yaml.safe_load((project.root / "config/scenarios/fashion-mnist.yaml").read_text())
    (project.root / "small.yaml").write_text(yaml.safe_dump(merged(scenario, SMALL)))
    done = project.snakemake("selective", config="small.yaml", cores=2)
    assert done.status == 0, done.output[-3000:]
    run = project.root / "results" / "small"
    assert (run / "report-selective.html").is_file()
    assert not (run / "search").exists()
    tables = {path.stem for path in Path(run / "paper" / "tables").glob("*.md")}
    assert "selective_claims" in tables
    assert "selective_universes" not in tables


@pytest.mark.parametrize("file", ["plausible.yaml", "first/0.csv", "second/0.csv", "finalists.csv"])
def test_a_file_of_the_search_is_refused_before_anything_is_removed(
    file: str, project: Project
) -> None:
    there = project.root / "results/fashion-mnist/search" / file
    there.parent.mkdir(parents=True)
    there.write_text("made before")
    target = str(there.relative_to(project.root))
    done = project.snakemake(target, config="config/scenarios/fashion-mnist.yaml")
    assert done.status != 0
    assert "error: the run has no search" in done.output
    assert "Traceback" not in done.output
    assert there.read_text() == "made before"
