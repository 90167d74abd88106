from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.settings.data import DataSettings, SourceSettings
from advlearn.stages.download import download
from advlearn.stages.prepare import prepare
from advlearn.studies.topk.settings.cells import JOBS
from advlearn.studies.topk.settings.jobs import TopkDataJob
from advlearn.studies.topk.settings.study import TopkSettings
from advlearn.studies.topk.stages.data import topk_data
from advlearn.studies.topk.stages.pretrain import topk_pretrain
from tests.helpers.tiny_topk import TinyTopk


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset.json of 260 prepared digits."""
    folder = tmp_path_factory.mktemp("digits")
    manifest = folder / "raw" / "digits" / "manifest.json"
    download(dataset="digits", settings=SourceSettings(), out=manifest)
    settings = DataSettings(
        dataset="digits", train_images=150, test_images=60, validation_images=50
    )
    prepare(manifest=manifest, settings=settings, out=folder / "data" / "dataset.json")
    return folder / "data" / "dataset.json"


@pytest.fixture(scope="session")
def topk(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> TinyTopk:
    """Two classifiers of scenes, and every attack and transfer of two seeds."""
    training = {"epochs": 8, "batch_size": 32, "learning_rate": 0.005}
    study = TopkSettings.model_validate(
        {
            "scenes": {
                "canvas": 24, "side": [8, 8], "labels": [3, 7],
                "train_images": 600, "validation_images": 30, "test_images": 40,
            },
            "models": {
                "cnn": {
                    "network": {"name": "cnn", "channels": [16, 32], "hidden": [32]},
                    "training": training,
                },
                "mlp": {"network": {"name": "mlp", "hidden": [32]}, "training": training},
            },
            "primary": "cnn",
            "attack": {"iterations": 20, "learning_rate": 0.2},
            "methods": ["tkmia", "kfool"],
            # No scene has labels enough for a k of 7: cells without images.
            "k": [3, 7],
            "n_specified": [1, 3],
            "label_sets": {"even": [0, 2, 4, 6, 8], "one": [1]},
            "focus": {"k": 3, "n_specified": 2},
            "surrogates": ["average", "exact"],
            "alphas": [0.0, 0.1],
            "hidden": [0.0, 0.5],
            "densities": [[5, 5], [6, 7]],
            "images": 8,
            "batch_size": 8,
        }
    )  # fmt: skip
    run = TinyTopk(tmp_path_factory.mktemp("topk"), study, (0, 1))
    topk_data(data=digits, settings=TopkDataJob(data=study.data), out=run.data)
    for seed in run.seeds:
        for name, model in study.models.items():
            topk_pretrain(
                data=run.data,
                settings=model,
                model=name,
                seed=seed,
                out=run.weights(name, seed),
                device="cpu",
            )
        for job in JOBS:
            for name in study.models_of(job):
                run.attack(run.outcomes(name, job, seed), run.job(job), name, seed)
        run.transfer(run.folder / "topk" / "transfer" / f"seed{seed}.csv", seed)
    return run
