"""A tiny run of study 2, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from advlearn.studies.topk.settings.cells import JOBS
from advlearn.studies.topk.settings.jobs import (
    CollectedAttack,
    TopkAttackJob,
    TopkCollectSettings,
    TopkTransferJob,
)
from advlearn.studies.topk.settings.study import TopkSettings
from advlearn.studies.topk.stages.attack import topk_attack
from advlearn.studies.topk.stages.transfer import topk_transfer
from advlearn.support.manifest import Manifest


def topk_files(folder: Path) -> Manifest:
    """Where the files of a run of study 2 are, by kind."""
    models, attacks = f"{folder}/topk/models/{{model}}", f"{folder}/topk/attacks/{{model}}/{{job}}"
    return Manifest(
        {
            "weights": f"{models}/seed{{seed}}.safetensors",
            "models": f"{models}/seed{{seed}}.metrics.csv",
            "search": f"{folder}/topk/search/{{model}}/seed{{seed}}.csv",
            "outcomes": f"{attacks}/seed{{seed}}.parquet",
            "cells": f"{attacks}/seed{{seed}}.csv",
            "images": f"{attacks}/seed{{seed}}.npy",
            "transfer": f"{folder}/topk/transfer/seed{{seed}}.csv",
        }
    )


@dataclass(frozen=True)
class TinyTopk:
    """Folders of a run of study 2 on scenes of digits."""

    folder: Path
    study: TopkSettings
    seeds: tuple[int, ...]

    @property
    def data(self) -> Path:
        return self.folder / "topk" / "data" / "dataset.json"

    def weights(self, model: str, seed: int = 0) -> Path:
        return topk_files(self.folder).path("weights", model=model, seed=seed)

    def outcomes(self, model: str, job: str, seed: int = 0) -> Path:
        return topk_files(self.folder).path("outcomes", model=model, job=job, seed=seed)

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
            files=topk_files(self.folder),
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
