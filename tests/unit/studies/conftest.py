"""Tiny runs, made once for the tests of all stages."""

from __future__ import annotations

import numpy as np
import pytest

from advlearn.settings.attack import FgsmSettings
from advlearn.settings.cluster import setting_name
from advlearn.settings.data import DataSettings, SourceSettings
from advlearn.settings.network import NetworkSettings, TrainingSettings
from advlearn.stages.download import download
from advlearn.stages.prepare import prepare
from advlearn.studies.selective.settings.jobs import CraftJob, PretrainJob
from advlearn.studies.selective.settings.select import SelectSettings
from advlearn.studies.selective.stages.craft import craft
from advlearn.studies.selective.stages.pretrain import pretrain
from advlearn.studies.selective.stages.select import select
from tests.helpers.clusters import write_clusters
from tests.helpers.tiny import TinyRun


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    folder = tmp_path_factory.mktemp("tiny")
    run = TinyRun(
        folder, NetworkSettings(name="mlp", hidden=()), FgsmSettings(name="fgsm", epsilon=0.1)
    )
    manifest = folder / "raw" / "digits" / "manifest.json"
    download(dataset="digits", settings=SourceSettings(), out=manifest)
    prepare(
        manifest=manifest,
        settings=DataSettings(
            dataset="digits", train_images=150, test_images=60, validation_images=50
        ),
        out=run.data,
    )
    pretrain(
        data=run.data,
        settings=PretrainJob(
            model=run.model,
            training=TrainingSettings(epochs=8, batch_size=32, learning_rate=0.01),
        ),
        seed=0,
        out=run.weights,
        device="cpu",
    )
    craft(
        data=run.data,
        weights=run.weights,
        settings=CraftJob(attack=run.attack),
        seed=0,
        out=run.outcomes,
        device="cpu",
    )
    rng = np.random.default_rng(0)
    clusters = folder / "clusters" / "kmeans.parquet"
    labels = {
        setting_name(n_clusters=1): np.zeros(150, dtype=np.int32),
        setting_name(n_clusters=2): rng.integers(0, 2, 150).astype(np.int32),
    }
    write_clusters(clusters, labels)
    select(
        outcomes=run.outcomes,
        settings=SelectSettings(rules=["random", "every"], every_n_clusters=[2]),
        seed=0,
        out=run.selection,
        clusters=[clusters],
        include_single=True,
    )
    return run
