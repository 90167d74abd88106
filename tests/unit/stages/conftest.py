"""Tiny runs of the stages up to selection and of study 2, and a clustering for the attacks of
study 3, made once, for tests of later stages."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.attacks.clustering.setting import Setting
from advlearn.data import clusterpath
from advlearn.data.clusterpath import Clusterpath
from advlearn.data.tabular import load, save
from advlearn.learners.convex import knn_graph, solve
from advlearn.settings.attack import FgsmSettings
from advlearn.settings.data import DataSettings, SourceSettings
from advlearn.settings.network import NetworkSettings, RetrainSettings, TrainingSettings
from advlearn.settings.points import BlobsSettings
from advlearn.stages.download import download
from advlearn.stages.prepare import prepare
from advlearn.studies.bilevel.stages.attack import load_setting
from advlearn.studies.selective.settings.jobs import CraftJob, PretrainJob, RetrainJob
from advlearn.studies.selective.settings.select import SelectSettings
from advlearn.studies.selective.stages.craft import craft
from advlearn.studies.selective.stages.pretrain import pretrain
from advlearn.studies.selective.stages.retrain import retrain
from advlearn.studies.selective.stages.select import select
from advlearn.studies.topk.settings.jobs import (
    CollectedAttack,
    TopkAttackJob,
    TopkCollectSettings,
    TopkDataJob,
    TopkTransferJob,
)
from advlearn.studies.topk.settings.study import JOBS, TopkSettings
from advlearn.studies.topk.stages.attack import topk_attack
from advlearn.studies.topk.stages.data import topk_data
from advlearn.studies.topk.stages.pretrain import topk_pretrain
from advlearn.studies.topk.stages.transfer import topk_transfer
from advlearn.support.io import write_parquet


@dataclass(frozen=True)
class TinyRun:
    """Folders of a run on 150 digits with a linear classifier."""

    folder: Path
    model: NetworkSettings
    attack: FgsmSettings

    @property
    def data(self) -> Path:
        return self.folder / "data" / "dataset.json"

    @property
    def weights(self) -> Path:
        return self.folder / "models" / "u" / "seed0" / "classifier.safetensors"

    @property
    def outcomes(self) -> Path:
        return self.folder / "adversarial" / "u" / "seed0" / "fgsm" / "outcomes.parquet"

    @property
    def selection(self) -> Path:
        return self.folder / "selections" / "u" / "seed0" / "fgsm" / "pca.csv"

    def retrain(self, out: Path, settings: RetrainSettings, seed: int = 0) -> None:
        """Run the stage retrain on the selection of this run."""
        retrain(
            data=self.data,
            weights=self.weights,
            adversarial=self.outcomes.with_name("train.npy"),
            selection=self.selection,
            model=self.model,
            settings=RetrainJob(retrain=settings, attack=self.attack),
            seed=seed,
            out=out,
            device="cpu",
        )


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
    write_parquet(
        clusters,
        pd.DataFrame(
            {
                "n_clusters=1": np.zeros(150, dtype=np.int32),
                "n_clusters=2": rng.integers(0, 2, 150).astype(np.int32),
            }
        ),
    )
    select(
        outcomes=run.outcomes,
        settings=SelectSettings(rules=["random", "every"], every_n_clusters=[2]),
        seed=0,
        out=run.selection,
        clusters=[clusters],
        include_single=True,
    )
    return run


@dataclass(frozen=True)
class TinyTopk:
    """Folders of a run of study 2 on scenes of the tiny run's digits."""

    folder: Path
    study: TopkSettings
    seeds: tuple[int, ...]

    @property
    def data(self) -> Path:
        return self.folder / "topk" / "data" / "dataset.json"

    def weights(self, model: str, seed: int = 0) -> Path:
        return self.folder / "topk" / "models" / model / f"seed{seed}.safetensors"

    def outcomes(self, model: str, job: str, seed: int = 0) -> Path:
        return self.folder / "topk" / "attacks" / model / job / f"seed{seed}.parquet"

    def job(self, job: str) -> TopkAttackJob:
        """Settings of a job as the workflow gives them."""
        return TopkAttackJob(
            cells=self.study.cells(job),
            images=self.study.images,
            keep_images=job == "transfer",
            batch_size=self.study.batch_size,
        )

    def attack(self, out: Path, settings: TopkAttackJob, model: str = "cnn", seed: int = 0) -> None:
        """Run the stage topk_attack."""
        topk_attack(
            data=self.data,
            weights=self.weights(model, seed),
            settings=settings,
            seed=seed,
            out=out,
            device="cpu",
        )

    def transfer(self, out: Path, seed: int = 0) -> None:
        """Run the stage topk_transfer."""
        topk_transfer(
            data=self.data,
            run=self.folder,
            settings=TopkTransferJob(
                models=tuple(self.study.models),
                methods=self.study.methods_of("transfer"),
                clean_map=self.study.attack_of("tkmia").clean_map,
                k=self.study.focus.k,
                n_specified=self.study.focus.n_specified,
            ),
            seed=seed,
            out=out,
            device="cpu",
        )

    def collected(self) -> TopkCollectSettings:
        """Settings of topk_collect."""
        return TopkCollectSettings(
            run="tiny",
            seeds=self.seeds,
            models=tuple(self.study.models),
            primary=self.study.primary,
            preset=self.study.preset,
            attacks=tuple(
                CollectedAttack(model=model, job=job, cells=self.study.cells(job))
                for job in JOBS
                for model in self.study.models_of(job)
            ),
            examples=self.study.examples,
            study={
                "label_sets": {name: list(each) for name, each in self.study.label_sets.items()},
                "images": self.study.images,
                "settings": {"attack": self.study.attack_of("tkmia").model_dump(mode="json")},
            },
        )


@pytest.fixture(scope="session")
def topk(tiny: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> TinyTopk:
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
            "images": 8,
            "batch_size": 8,
        }
    )  # fmt: skip
    run = TinyTopk(tmp_path_factory.mktemp("topk"), study, (0, 1))
    topk_data(data=tiny.data, settings=TopkDataJob(data=study.data), out=run.data)
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


@pytest.fixture(scope="session")
def clustered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two blobs whose graph connects them, and a clusterpath whose gamma keeps them apart."""
    folder = tmp_path_factory.mktemp("attack")
    data = load(BlobsSettings(points=20, clusters=2, separation=4.0), 14)
    save(folder / "blobs.npz", data)
    graph = knn_graph(data.points, 14, 0.5)
    labels, gamma = next(
        (labels, gamma)
        for gamma in np.geomspace(0.05, 30, 30)
        if (labels := solve(data.points, graph, gamma).labels).max() == 1
        and np.bincount(labels).min() > 5
    )
    walked = Clusterpath(graph.edges, graph.weights, np.array([gamma]), labels[None], 0)
    clusterpath.save(folder / "path.npz", walked)
    return folder


@pytest.fixture(scope="session")
def setting(clustered: Path) -> Setting:
    return load_setting(clustered / "blobs.npz", clustered / "path.npz", 0.5)
