"""The tidy tables of study 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ConfigDict, Field

from advlearn.settings.base import Settings
from advlearn.studies.topk.settings.cells import JOBS
from advlearn.support.errors import UserError
from advlearn.tidy.schema import CHOICES, Column, StudySchema, TableSchema, columns

SHARES = {"asr": "success", "stealth_asr": "stealth"}
"""Metrics that are shares of the attacked images -> column with whether an image counts."""


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

    @property
    def sizes(self) -> dict[str, int]:
        """Split -> number of its images, where the record has it."""
        splits = ("train", "validation", "test")
        return {name: self.dataset[f"n_{name}"] for name in splits if f"n_{name}" in self.dataset}


def _values(frame: pd.DataFrame, path: Path) -> None:
    """A value is missing where ``n`` is 0 alone, and shares are shares."""
    share = frame["metric"].isin(list(SHARES))
    wrong = frame["value"].isna() | (share & ~frame["value"].between(0, 1))
    bad = frame[wrong & (frame["n"] > 0)]
    if len(bad):
        raise UserError(
            f"row {bad.index[0] + 2} has no value, or a share that is not between 0 and 1",
            where=f"{path}: {bad.iloc[0]['metric']} = {bad.iloc[0]['value']}",
            remedy="delete the attack files of this run and run the workflow again",
        )


_ATTACKER = "dataset model:text seed experiment method:text"
_TASK = "scheme labels:text n_specified k surrogate alpha knowledge hidden"
# Groups are formed by these columns, so what a method does not have gets a name.
_NAMED = {
    "surrogate": Column("text", empty="none"),
    "knowledge": Column("text", empty="truth"),
    "hidden": Column(empty=0.0),
}
CELL = list(columns(f"{_ATTACKER} {_TASK}"))
"""Columns that name one attack on one choice of labels (and, with a preset, one line of it)."""

SCHEMA = StudySchema(
    study="topk",
    collect="topk_collect",
    described=TopkRecord,
    tables={
        # One row a seed, attack, choice of labels and metric.
        "topk_metrics": TableSchema(
            columns(f"{_ATTACKER} preset:text {_TASK} over metric value std n n_eligible") | _NAMED,
            stage="topk_attack",
            key=[*CELL, "preset", "over", "metric"],
            check=_values,
        ),
        # One row a seed, attack, choice of labels and attacked image; none where no image is
        # eligible.
        "topk_images": TableSchema(
            columns(
                f"{_ATTACKER} {_TASK} image n_relevant success:bool stealth:bool l2 linf"
                " delta_tkacc delta_p delta_map delta_ndcg iterations"
            )
            | _NAMED,
            stage="topk_attack",
            key=[*CELL, "image"],
            rows=False,
        ),
        # Average precision of each model on clean images.
        "topk_models": TableSchema(
            columns("dataset model:text seed split metric value n_images n_classes"),
            stage="topk_pretrain",
        ),
        # Steps tried for each attack on validation images; none in a run without a search, and no
        # file in one that is older than the search.
        "topk_search": TableSchema(
            columns(
                "dataset model:text seed method:text surrogate:text parameter:text step:>=0 n:>=0"
                " asr:share l2:>=0 chosen:flag"
            ),
            stage="topk_search",
            key=["dataset", "model", "seed", "method", "surrogate", "step"],
            rows=False,
            required=False,
        ),
        # Perturbations made on ``source``, judged by ``target``.
        "topk_transfer": TableSchema(
            columns(
                "source:text target:text method:text k n_specified metric value n dataset seed"
            ),
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
    wildcards={"job": ("experiment", JOBS)},
)
