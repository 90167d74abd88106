"""One tiny run of the stages up to selection, made once, for the tests of the stages after it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advlearn.settings.attack import FgsmSettings
from advlearn.settings.data import DataSettings, SourceSettings
from advlearn.settings.jobs import CraftJob, PretrainJob, RetrainJob
from advlearn.settings.network import NetworkSettings, RetrainSettings, TrainingSettings
from advlearn.settings.select import SelectSettings
from advlearn.stages.craft import craft
from advlearn.stages.download import download
from advlearn.stages.prepare import prepare
from advlearn.stages.pretrain import pretrain
from advlearn.stages.retrain import retrain
from advlearn.stages.select import select
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
