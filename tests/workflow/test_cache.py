"""The cache between workflows (``--cache``) never hands out a result of other settings."""

from __future__ import annotations

import shutil

import pytest
import yaml

from tests.workflow.project import Project

CONFIG = "config/cache.yaml"


def weights(universe: str, seed: int) -> str:
    return f"results/cache/models/{universe}/seed{seed}/classifier.safetensors"


@pytest.fixture
def small(project: Project) -> Project:
    """A project in which pretraining takes a moment."""
    configure(project, learning_rate=0.003)
    return project


def configure(project: Project, learning_rate: float) -> None:
    training = {"epochs": 1, "batch_size": 32, "learning_rate": learning_rate}
    values = {
        "run": "cache",
        "data": {
            "dataset": "digits",
            "train_images": 100,
            "test_images": 50,
            "validation_images": 50,
        },
        "selective": {
            # Of one architecture, so that only the universe tells them apart.
            "universes": {
                "small": {"model": {"hidden": [8]}, "training": training},
                "standard": {
                    "model": {"name": "mlp", "hidden": [8]},
                    "training": {**training, "batch_size": 16},
                },
            },
            # The graph is checked as a whole.
            "cluster": {
                "kmeans": {"n_clusters": [2]},
                "agglomerative": {"n_clusters": [2]},
                "dbscan": {"min_samples": [5]},
                "hdbscan": {"min_cluster_size": [5], "min_samples": 5},
            },
            "embed": {"tsne": {"perplexity": 10}},
            "evaluate": {"validation_images": 50},
        },
    }
    (project.root / CONFIG).write_text(yaml.safe_dump(values), encoding="utf-8")


def pretrain(project: Project, *files: str) -> tuple[dict[str, bytes], str]:
    """Make weights with the cache of the project, from no results; weights and what was said."""
    shutil.rmtree(project.root / "results", ignore_errors=True)
    cache = project.root / "cache"
    cache.mkdir(exist_ok=True)
    done = project.snakemake(
        *files,
        "--cache",
        config=CONFIG,
        environment={"SNAKEMAKE_OUTPUT_CACHE": str(cache)},
    )
    assert done.status == 0, done.output
    return {name: project.root.joinpath(name).read_bytes() for name in files}, done.output


def test_cached_weights_are_those_of_their_seed_universe_and_settings(small: Project) -> None:
    files = (weights("small", 0), weights("small", 1), weights("standard", 0))
    first, _ = pretrain(small, *files)
    assert len(set(first.values())) == 3, "two seeds or universes have the same weights"

    again, said = pretrain(small, *files)
    assert again == first
    assert "[pretrain" not in said, "the cache was not used"

    configure(small, learning_rate=0.03)
    changed, _ = pretrain(small, weights("small", 0))
    assert changed[weights("small", 0)] not in first.values()


# Each: file, text that occurs once in it, its replacement.
CHANGES = {
    "code": (
        "src/advlearn/training/clean.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nNEW = 1\n",
    ),
    "code that the stage's code imports": (
        "src/advlearn/support/seeds.py",
        "from __future__ import annotations\n",
        "from __future__ import annotations\n\nNEW = 1\n",
    ),
    "a pin of the lock": ("requirements.txt", "\nnumpy==", "\nnumpy==9"),
    "the number of threads": ("config/config.yaml", "\nthreads: 1 ", "\nthreads: 2 "),
    "the draw of the splits": ("config/config.yaml", "split_seed: 0", "split_seed: 1"),
    "the command": (
        "workflow/rules/selective.smk",
        " --out {output.weights:q}",
        "  --out {output.weights:q}",
    ),
}


def test_nothing_that_was_made_otherwise_is_taken_from_the_cache(small: Project) -> None:
    file = weights("small", 0)
    pretrain(small, file)
    for what, (path, old, new) in CHANGES.items():
        before = (small.root / path).read_text(encoding="utf-8")
        small.edit(path, old, new)
        _, said = pretrain(small, file)
        assert "[pretrain" in said, f"weights of another state were taken: {what}"
        (small.root / path).write_text(before, encoding="utf-8")
    # All as it was: then the first ones are right again.
    _, said = pretrain(small, file)
    assert "[pretrain" not in said, "the cache was not used"
