"""What the user gets wrong: told before any job starts where that is possible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml

from tests.workflow.project import Project

CONFIG = "config/mine.yaml"


def universe(**values: Any) -> dict[str, Any]:
    return {"selective": {"universes": {"closest": values}}}


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


# Each: what is laid over the configuration, and what the message must say.
BAD: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "unknown key": ({"selectve": {}}, ("selectve: unknown key", "remove or rename 'selectve'")),
    "unknown nested key": (
        {"selective": {"cluster": {"kmeans": {"n_cluster": [2]}}}},
        ("selective.cluster.kmeans.n_cluster: unknown key",),
    ),
    "a run named like the folder of raw files": ({"run": "raw"}, ("raw files of all runs",)),
    "a run named like the shipped results": ({"run": "Reference"}, ("the shipped results",)),
    "wrong type": ({"seeds": "many"}, ("seeds: ", "'many'", "correct 'seeds'")),
    "no seeds": ({"seeds": []}, ("seeds: ", "at least 1")),
    "negative radius": (
        universe(attacks={"fgsm": {"epsilon": -0.1}}),
        ("selective.universes.closest.attacks.fgsm.epsilon", "-0.1", "greater than or equal"),
    ),
    "radius that is no number": (
        universe(attacks={"fgsm": {"epsilon": float("nan")}}),
        ("selective.universes.closest.attacks.fgsm", "epsilon", "nan"),
    ),
    "unknown data set": (
        {"data": {"dataset": "minst"}},
        ("unknown data set 'minst'", "data.dataset", "cifar10", "mnist"),
    ),
    "unknown model": (universe(model={"name": "cmm"}), ("unknown model 'cmm'", "cnn, mlp")),
    "unknown attack": (
        universe(attacks={"fgsm": {"name": "fgms"}}),
        ("selective.universes.closest.attacks.fgsm", "'fgms'", "'fgsm', 'pgd'"),
    ),
    "unknown clusterer": (
        {
            "selective": {
                "grid": [
                    {
                        "universes": ["closest"],
                        "attacks": ["fgsm"],
                        "reductions": ["pca"],
                        "clusterers": ["kmean"],
                    }
                ]
            }
        },
        ("unknown clusterer 'kmean'", "agglomerative, dbscan, hdbscan, kmeans"),
    ),
    "own model that is nowhere": (
        universe(model={"name": "my_networks_that_are_nowhere:wide"}),
        ("no Python module 'my_networks_that_are_nowhere'", "PYTHONPATH"),
    ),
    "a list with the same value twice": (
        {"selective": {"evaluate": {"protocols": ["transfer", "transfer"]}}},
        ("selective.evaluate.protocols", "'transfer' is given twice"),
    ),
    "negative seed of the calibration": (
        {"selective": {"calibrate": {"seeds": [-1]}}},
        ("selective.calibrate.seeds", "-1"),
    ),
    "more validation images than there are": (
        {"selective": {"evaluate": {"validation_images": 151}}},
        ("selective.evaluate.validation_images: 151 of 150",),
    ),
    "more clusters than images": (
        {"selective": {"cluster": {"kmeans": {"n_clusters": [601]}}}},
        ("601 clusters", "600 images", "cluster.kmeans.n_clusters"),
    ),
    "unknown key of an attack of study 2": (
        {"topk": {"attack": {"learning_rat": 0.1}}},
        ("topk: attack of tkmia: learning_rat",),
    ),
    "a primary model that is left out": (
        {"topk": {"primary": "cnn"}},
        ("unknown model 'cnn'; known: resnet",),
    ),
    "a label that no scene has": (
        {"topk": {"label_sets": {"loops": [0, 10]}}},
        ("label 10 does not exist", "topk.label_sets.loops"),
    ),
    "as large a top as there are labels": (
        {"topk": {"k": [10]}},
        ("k must be below the number of labels", "topk.k"),
    ),
    "photos that can only be the user's": (
        {"topk": {"dataset": "nuswide"}},
        ("no official address", "topk.photos.root"),
    ),
    "negative radius of the calibration": (
        {"selective": {"calibrate": {"epsilons": [-0.5]}}},
        ("selective.calibrate.epsilons", "-0.5"),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_configuration_stops_before_any_job(project: Project, case: str) -> None:
    part, expected = BAD[case]
    configure(project, part)
    # Should the configuration be taken for a good one, not all of the run is made.
    done = project.snakemake("smoke", "--until", "download", config=CONFIG)
    assert done.status != 0
    for text in (*expected, "where:", "remedy:"):
        assert text in done.output, f"{text!r} is not in:\n{done.output}"
    named = (CONFIG, "configuration key", "configuration value", "key '")
    assert any(text in done.output for text in named), done.output
    assert "Traceback" not in done.output
    assert "Job stats" not in done.output
    assert not (project.root / "results").exists()
    assert not (project.root / "logs").exists()


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
    rng = np.random.default_rng(0)
    arrays = {
        "train_images": rng.integers(0, 256, (60, 8, 8), dtype=np.uint8),
        "train_labels": np.arange(60) % 3,
        "test_images": rng.integers(0, 256, (30, 8, 8), dtype=np.uint8),
        "test_labels": np.arange(30) % 3,
    }
    np.savez(project.root / "mine.npz", **arrays)  # type: ignore[arg-type]
    small = {"train_images": 30, "test_images": 30, "validation_images": 30}
    configure(
        project,
        {"data": {"dataset": "arrays", **small}, "sources": {"root": "mine.npz"}},
        {"selective": {"cluster": {"kmeans": {"n_clusters": [2]}}}},
        {"selective": {"embed": {"tsne": {"perplexity": 5}}}},
        {"selective": {"evaluate": {"validation_images": 30}}},
    )
    done = project.snakemake("--until", "download", config=CONFIG)
    assert done.status == 0, done.output
    (raw,) = (project.root / "results" / "raw").glob("arrays-*/arrays.npz")
    content = bytearray(raw.read_bytes())
    content[len(content) // 2] ^= 1
    raw.write_bytes(bytes(content))
    done = project.snakemake("--until", "prepare", config=CONFIG)
    assert done.status != 0
    assert "Traceback" not in done.output
    log = (project.root / "logs/smoke/prepare.log").read_text(encoding="utf-8")
    for text in (str(raw.relative_to(project.root)), "not the one that was downloaded", "remedy:"):
        assert text in log, log
    assert not list((project.root / "results/smoke").rglob("*.npy"))
