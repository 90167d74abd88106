"""A tiny run of study 1, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.settings.network import NetworkSettings, RetrainSettings
from advlearn.studies.selective.settings.jobs import RetrainJob
from advlearn.studies.selective.stages.retrain import retrain


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

    def retrain(
        self,
        out: Path,
        settings: RetrainSettings,
        seed: int = 0,
        attack: PgdSettings | None = None,
    ) -> None:
        """Run the stage retrain on the selection of this run, online by ``attack`` if given."""
        retrain(
            data=self.data,
            weights=self.weights,
            adversarial=self.outcomes.with_name("train.npy"),
            selection=self.selection,
            model=self.model,
            settings=RetrainJob(retrain=settings, attack=attack or self.attack),
            seed=seed,
            out=out,
            device="cpu",
        )
