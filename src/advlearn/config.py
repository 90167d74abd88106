"""The whole configuration, checked before any job starts, and the jobs that follow from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from advlearn.data.catalogue import check_settings
from advlearn.data.catalogue import get as dataset
from advlearn.settings.base import EachOnce, Settings, plain_names, validation_error
from advlearn.settings.bilevel import BilevelSettings
from advlearn.settings.calibrate import CalibrateSettings
from advlearn.settings.cluster import ClusterSettings
from advlearn.settings.data import DataSettings, SourceSettings
from advlearn.settings.embed import EmbedSettings
from advlearn.settings.jobs import EvaluationSettings
from advlearn.settings.select import SelectSettings
from advlearn.settings.topk import N_LABELS
from advlearn.settings.topk_study import TopkSettings
from advlearn.settings.universe import UniverseSettings
from advlearn.support.errors import UserError

Reduction = Literal["none", "pca", "tsne"]
_Names = Annotated[tuple[str, ...], EachOnce]


class GridBlock(Settings):
    """A product of universes, attacks and reductions, each with all clusterers of the block."""

    universes: _Names = Field(..., min_length=1, description="names of universes")
    attacks: _Names = Field(..., min_length=1, description="names of their attacks")
    reductions: Annotated[tuple[Reduction, ...], EachOnce] = Field(
        ..., min_length=1, description="none, pca, tsne"
    )
    clusterers: _Names = Field(..., min_length=1, description="names of clusterers")
    select: SelectSettings | None = Field(
        None, description="selection rules of this block; null = selective.select"
    )


class SelectiveSettings(Settings):
    """Study 1: cluster-selective adversarial training (Rasheed & Khan 2023)."""

    universes: dict[str, UniverseSettings] = Field(
        ..., min_length=1, description="named answers to what the paper leaves open"
    )
    primary: str = Field(..., description="universe that is set beside the published numbers")
    embed: EmbedSettings = EmbedSettings()
    cluster: ClusterSettings = ClusterSettings()
    select: SelectSettings = SelectSettings()
    evaluate: EvaluationSettings = EvaluationSettings()
    calibrate: CalibrateSettings = CalibrateSettings()
    grid: tuple[GridBlock, ...] = Field(..., min_length=1, description="which cells are run")

    @field_validator("universes")
    @classmethod
    def _plain_names(cls, universes: dict[str, UniverseSettings]) -> dict[str, UniverseSettings]:
        return plain_names(universes, "universe name")

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        known = ", ".join(self.universes)
        if self.primary not in self.universes:
            raise ValueError(f"primary: unknown universe {self.primary!r}; known: {known}")
        seen = set()
        for block in self.grid:
            for universe in block.universes:
                if universe not in self.universes:
                    raise ValueError(f"grid: unknown universe {universe!r}; known: {known}")
                attacks = self.universes[universe].attacks
                for attack in block.attacks:
                    if attack not in attacks:
                        raise ValueError(
                            f"grid: universe {universe!r} has no attack {attack!r}; "
                            f"it has: {', '.join(attacks)}"
                        )
                    for reduction in block.reductions:
                        if (universe, attack, reduction) in seen:
                            raise ValueError(
                                f"grid: {universe}, {attack}, {reduction} is in two blocks; "
                                "put all its clusterers into one"
                            )
                        seen.add((universe, attack, reduction))
        return self


class Config(Settings):
    """Everything that a run is told."""

    run: str = Field(
        ...,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="name of the run: its files are in results/RUN",
    )
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], EachOnce] = Field(
        ..., min_length=1, description="run seeds; every cell has each"
    )
    threads: int = Field(
        1, ge=1, description="torch threads of a job: part of the result, never the core count"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="where torch computes; with `cuda` every job with a network asks for a GPU",
    )
    sources: SourceSettings = SourceSettings()
    data: DataSettings = DataSettings()
    selective: SelectiveSettings
    topk: TopkSettings = Field(..., description="study 2")
    bilevel: BilevelSettings = Field(..., description="study 3")

    @model_validator(mode="after")
    def _enough_to_validate(self) -> Self:
        wanted, there = self.selective.evaluate.validation_images, self.data.validation_images
        if wanted > there:
            raise ValueError(
                f"selective.evaluate.validation_images: {wanted} of {there} validation images; "
                "lower it or raise data.validation_images"
            )
        return self

    def jobs(self) -> list[Job]:
        """Every (universe, attack, reduction) of the grid with its clusterers, in grid order."""
        return [
            Job(
                universe, attack, reduction, block.clusterers, block.select or self.selective.select
            )
            for block in self.selective.grid
            for universe in block.universes
            for attack in block.attacks
            for reduction in block.reductions
        ]


class Job(NamedTuple):
    """A line of the grid; every seed runs it."""

    universe: str
    attack: str
    reduction: str
    clusterers: tuple[str, ...]
    select: SelectSettings


def load(values: dict[str, Any], where: str) -> Config:
    """Check a configuration as Snakemake hands it over.

    Args:
        values: the merged configuration.
        where: the file or files it came from, for messages.

    Raises:
        UserError: an unknown key, a wrong type or range, an unknown data set, universe, attack,
            model or clusterer.
    """
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise validation_error(error, where=where, values=values) from error
    check_settings(config.data, config.sources)
    selective = config.selective
    for job in config.jobs():
        for clusterer in job.clusterers:
            selective.cluster.of(clusterer)
            if config.data.train_images is not None:
                selective.cluster.check_images(clusterer, config.data.train_images)
        if config.data.train_images is not None:
            selective.embed.check_images(job.reduction, config.data.train_images)
    _check_topk(config)
    return config


def _check_topk(config: Config) -> None:
    """Refuse labels that the data set of study 2 does not have, where their number is known."""
    topk = config.topk
    if topk.dataset == "nuswide" and topk.photos.root is None:
        raise UserError(
            "NUS-WIDE has no official address that photos could be downloaded from",
            where="configuration key 'topk.photos.root'",
            remedy="set it to the folder of your copy (docs/topk.md says what has to be in it)",
        )
    if topk.dataset == "scenes":
        n_labels = len(dataset(config.data.dataset).class_names)
    else:
        n_labels = N_LABELS[topk.dataset]
    if not n_labels:
        return
    for name, labels in topk.label_sets.items():
        if max(labels) >= n_labels:
            raise UserError(
                f"label {max(labels)} does not exist: {topk.dataset} has {n_labels} labels",
                where=f"configuration key 'topk.label_sets.{name}'",
                remedy=f"use indices from 0 to {n_labels - 1}, or set the key to null",
            )
    if max(*topk.k, topk.focus.k) >= n_labels:
        raise UserError(
            f"k must be below the number of labels: {topk.dataset} has {n_labels}",
            where="configuration key 'topk.k' or 'topk.focus.k'",
            remedy=f"use at most {n_labels - 1}",
        )


def load_file(path: Path) -> Config:
    """Read and check one configuration file.

    Raises:
        UserError: no such file, no YAML, or not a valid configuration.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(
            f"cannot read the configuration: {error}",
            where=str(path),
            remedy="give a readable YAML file",
        ) from error
    if not isinstance(values, dict):
        raise UserError(
            "the configuration is no mapping",
            where=str(path),
            remedy="begin from config/config.yaml",
        )
    return load(values, str(path))
