"""The tidy tables of study 2."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ConfigDict, Field

from advlearn.report.schema import (
    BOOL,
    CHOICES,
    NUMBER,
    TEXT,
    Column,
    StudySchema,
    TableSchema,
    columns,
)
from advlearn.report.tidy import Tidy
from advlearn.settings.base import Settings
from advlearn.studies.topk.settings.study import JOBS
from advlearn.support.errors import UserError

TOPK_SHARES = ("asr", "stealth_asr")


class TopkRecord(Settings):
    """What ``topk_study.json`` says of a run; further keys are kept in the file only."""

    model_config = ConfigDict(extra="ignore")

    run: str
    dataset: dict[str, Any]
    seeds: list[int]
    primary_model: str
    preset: str
    images: int
    class_names: list[str]
    label_sets: dict[str, list[int]] = Field(default_factory=dict)
    versions: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)


def _values(frame: pd.DataFrame, path: Path) -> None:
    """A value is missing where ``n`` is 0 alone, and shares are shares."""
    shares = frame["metric"].isin(TOPK_SHARES) & (frame["n"] > 0)
    bad = frame[
        (shares & ~frame["value"].between(0, 1)) | (frame["value"].isna() & (frame["n"] > 0))
    ]
    if len(bad):
        raise UserError(
            f"row {bad.index[0] + 2} has no value, or a share that is not between 0 and 1",
            where=f"{path}: {bad.iloc[0]['metric']} = {bad.iloc[0]['value']}",
            remedy="delete the attack files of this run and run the workflow again",
        )


# Groups are formed by these columns, so what a method does not have gets a name.
_CELL = (
    columns("dataset")
    | columns("model", TEXT)
    | columns("seed experiment")
    | columns("method", TEXT)
    | columns("scheme")
    | columns("labels", TEXT)
    | columns("n_specified k")
    | {"surrogate": Column("text", empty="none"), "alpha": NUMBER}
    | {"knowledge": Column("text", empty="truth"), "hidden": Column(empty=0.0)}
)
TOPK_CELL = list(_CELL)
"""Columns that name one attack on one choice of labels (and, with a preset, one line of it)."""

SCHEMA = StudySchema(
    study="topk",
    collect="topk_collect",
    record="topk_study.json",
    described=TopkRecord,
    tables={
        # One row a seed, attack, choice of labels and metric.
        "topk_metrics": TableSchema(
            _CELL | columns("preset", TEXT) | columns("over metric value std n n_eligible"),
            stage="topk_attack",
            key=[*TOPK_CELL, "preset", "over", "metric"],
            check=_values,
        ),
        # One row a seed, attack, choice of labels and attacked image; none where no image is
        # eligible.
        "topk_images": TableSchema(
            _CELL
            | columns("image n_relevant")
            | columns("success stealth", BOOL)
            | columns("l2 linf delta_tkacc delta_p delta_map delta_ndcg iterations"),
            stage="topk_attack",
            key=[*TOPK_CELL, "image"],
            rows=False,
        ),
        # Average precision of each model on clean images.
        "topk_models": TableSchema(
            columns("dataset")
            | columns("model", TEXT)
            | columns("seed split metric value n_images n_classes"),
            stage="topk_pretrain",
        ),
        # Perturbations made on ``source``, judged by ``target``.
        "topk_transfer": TableSchema(
            columns("dataset seed")
            | columns("source target method", TEXT)
            | columns("k n_specified metric value n"),
            stage="topk_transfer",
        ),
        "topk_choices": CHOICES,
    },
    # Images (m, ch, h, w) in [0, 1] with their labels and logits.
    arrays={
        "topk_examples": (
            "clean adversarial relevant specified clean_logits adversarial_logits k class_names"
            " method"
        ).split()
    },
    array_stage="topk_attack",
    choices="topk_choices",
    wildcards={"job": ("experiment", JOBS)},
)


class TopkTidy(Tidy):
    """The tidy folder of study 2."""

    schema = SCHEMA

    @cached_property
    def study(self) -> TopkRecord:
        """The run's name, data, seeds, models and label sets."""
        return self.described(TopkRecord)

    def prepared(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Outcomes an image are of one preset, which is named in the record."""
        if name != "topk_images":
            return frame
        if "preset" in frame.columns:
            frame = frame[frame["preset"] == self.study.preset]
        return frame.assign(preset=self.study.preset)
