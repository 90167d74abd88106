"""What the user gets wrong: told before any job starts where that is possible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml

from tests.helpers.bad_configurations import BAD
from tests.workflow.project import Project

CONFIG = "config/mine.yaml"


def configure(project: Project, *parts: dict[str, Any]) -> None:
    """Write a configuration: smoke.yaml with the parts laid over it."""
    values = yaml.safe_load((project.root / "config/smoke.yaml").read_text(encoding="utf-8"))
    for part in parts:
        lay_over(values, part)
    (project.root / CONFIG).write_text(yaml.safe_dump(values), encoding="utf-8")


def lay_over(values: dict[str, Any], part: dict[str, Any]) -> None:
    for key, value in part.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            lay_over(values[key], value)
        else:
            values[key] = value


SEEN = (
    "unknown key",
    "a radius in steps of 255",
    "an unknown data set",
    "an own network that is nowhere",
    "more clusters than all images",
    "as large a top as there are labels",
)
"""Kinds of bad configurations that Snakemake itself is given; tests/unit has them all."""


def refused(project: Project, *said: str, target: str = "smoke") -> None:
    """The configuration stops Snakemake before any job, in our words."""
    # Should the configuration be taken for a good one, not all of the run is made.
    done = project.snakemake(target, "--until", "download", config=CONFIG)
    assert done.status != 0
    for text in (*said, "error:", "where:", "remedy:"):
        assert text in done.output, f"{text!r} is not in:\n{done.output}"
    assert "Traceback" not in done.output
    assert "Job stats" not in done.output
    assert not (project.root / "results").exists()
    assert not (project.root / "logs").exists()


@pytest.mark.parametrize("case", SEEN)
def test_a_bad_configuration_stops_before_any_job(project: Project, case: str) -> None:
    configure(project, BAD[case].change)
    refused(project, BAD[case].key, *BAD[case].said)


def test_a_key_given_twice_stops_before_any_job(project: Project) -> None:
    configure(project)
    with (project.root / CONFIG).open("a", encoding="utf-8") as stream:
        stream.write("seeds: [7]\n")
    refused(project, "seeds is given twice, in lines", CONFIG)


def own_arrays(project: Project, **changes: Any) -> dict[str, Any]:
    """Three classes of images in a file of the project, and the configuration that names it."""
    rng = np.random.default_rng(0)
    arrays = {
        "train_images": rng.integers(0, 256, (60, 8, 8), dtype=np.uint8),
        "train_labels": np.arange(60) % 3,
        "test_images": rng.integers(0, 256, (30, 8, 8), dtype=np.uint8),
        "test_labels": np.arange(30) % 3,
    }
    arrays = {name: value for name, value in (arrays | changes).items() if value is not None}
    np.savez(project.root / "mine.npz", **arrays)  # type: ignore[arg-type]
    return {
        "data": {
            "dataset": "arrays",
            "train_images": 30,
            "test_images": 30,
            "validation_images": 30,
        },
        "sources": {"root": "mine.npz"},
        "selective": {
            "cluster": {"kmeans": {"n_clusters": [2]}},
            "embed": {"tsne": {"perplexity": 5}},
            "evaluate": {"validation_images": 30},
        },
    }


def test_own_arrays_that_one_study_cannot_use_stop_it_before_any_job(project: Project) -> None:
    configure(project, own_arrays(project))
    refused(project, "has 3 labels", "topk.label_sets.loops", "snakemake selective bilevel")
    refused(project, "has 3 labels", target="topk")
    assert project.would_run("selective", config=CONFIG)


def test_own_files_that_cannot_be_used_stop_before_any_job(project: Project) -> None:
    configure(project, own_arrays(project, test_labels=None))
    refused(project, "lacks test_labels", "sources.root", "mine.npz")
    flow = {"name": "csv", "path": "flow.csv", "label": "knid"}
    table = {"datasets": {"flow": flow}, "experiments": {"certify": ["flow"]}}
    configure(project, {"bilevel": table})
    refused(project, "cannot be read", "bilevel.datasets.flow.path", target="bilevel")
    (project.root / "flow.csv").write_text("x,kind\n1,a\n2,b\n4,a\n")
    refused(project, "did you mean 'kind'?", "bilevel.datasets.flow.label", target="bilevel")
    configure(project, {"topk": {"dataset": "coco2014", "photos": {"root": "nowhere"}}})
    refused(project, "does not exist", "topk.photos.root", target="topk")


def test_the_failure_of_one_study_leaves_the_others(project: Project) -> None:
    flow = {"name": "csv", "path": "flow.csv"}
    configure(project, {"bilevel": {"datasets": {"flow": flow}}})
    (project.root / "flow.csv").write_text("x,y\n1,a\n2,b\n4,c\n")  # the job sees the text
    bad, good = "results/smoke/bilevel/data/flow.npz", "results/smoke/data/dataset.json"
    done = project.snakemake(bad, good, "--prioritize", bad, config=CONFIG)
    assert done.status == 1
    assert (project.root / good).is_file()
    assert "study bilevel is not finished: bilevel_data failed" in done.output
    assert "study selective" not in done.output


def test_a_configuration_that_is_no_yaml_stops_before_any_job(project: Project) -> None:
    (project.root / CONFIG).write_text("seeds: [0, 1\n", encoding="utf-8")
    done = project.snakemake("smoke", config=CONFIG)
    assert done.status != 0
    assert "not valid JSON or YAML" in done.output  # Snakemake's own words
    assert not (project.root / "results").exists()


def test_no_source_within_reach_gives_one_error_that_lists_them(project: Project) -> None:
    mirror = project.root / "empty mirror"
    mirror.mkdir()
    configure(
        project,
        {"data": {"dataset": "mnist"}, "sources": {"mirror": str(mirror), "sources": ["mirror"]}},
    )
    done = project.snakemake("results/raw/mnist/manifest-smoke.json", config=CONFIG)
    assert done.status != 0
    assert "Traceback" not in done.output
    log = (project.root / "logs/smoke/download.log").read_text(encoding="utf-8")
    assert log.count("error:") == 1
    for text in ("mnist", f"mirror {mirror}", "where:", "remedy:"):
        assert text in log, log
    raw = project.root / "results/raw/mnist"
    assert not raw.exists() or not [path for path in raw.iterdir() if path.is_file()]


def test_a_raw_file_that_changed_after_the_download_is_named(project: Project) -> None:
    configure(project, own_arrays(project))
    done = project.snakemake("selective", "--until", "download", config=CONFIG)
    assert done.status == 0, done.output
    (raw,) = (project.root / "results" / "raw").glob("arrays-*/arrays.npz")
    content = bytearray(raw.read_bytes())
    content[len(content) // 2] ^= 1
    raw.write_bytes(bytes(content))
    done = project.snakemake("selective", "--until", "prepare", config=CONFIG)
    assert done.status != 0
    assert "Traceback" not in done.output
    log = (project.root / "logs/smoke/prepare.log").read_text(encoding="utf-8")
    for text in (str(raw.relative_to(project.root)), "not the one that was downloaded", "remedy:"):
        assert text in log, log
    assert not list((project.root / "results/smoke").rglob("*.npy"))
