"""The only door of tables and figures: the tidy tables of a run and the published numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field, ValidationError

from advlearn.paper.tidy_bilevel import SHAPES, BilevelStudy, checked
from advlearn.settings.base import Settings, validation_error
from advlearn.support.checksums import check_sha256
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_json, read_npz

STUDIES = ("selective", "topk", "bilevel")
Kind = TypeVar("Kind", bound=Settings)

METRICS_COLUMNS = (
    "dataset universe seed attack reduction clusterer setting rule cluster n_selected"
    " n_missing_classes digest paired_digest protocol split n_images metric value"
).split()
EMBEDDING_COLUMNS = (
    "universe seed attack reduction clusterer setting position x y label cluster chosen".split()
)
CALIBRATION_COLUMNS = ["universe_id", "seed", "quantity", "value"]
SANITY_COLUMNS = "universe seed attack model check expected value passed".split()
CHOICES_COLUMNS = "key paper value source universe".split()
PUBLISHED_COLUMNS = "table row n_clusters algorithm attack metric published source note".split()

TOPK_CELL = (
    "dataset model seed experiment method scheme labels n_specified k surrogate alpha knowledge"
    " hidden"
).split()
"""Columns that name one attack on one choice of labels (and, with a preset, one line of it)."""
TOPK_SHARES = ("asr", "stealth_asr")
TOPK_METRICS_COLUMNS = [*TOPK_CELL, *"preset over metric value std n n_eligible".split()]
TOPK_IMAGES_COLUMNS = [
    *TOPK_CELL,
    *"image n_relevant success stealth l2 linf delta_tkacc delta_p delta_map delta_ndcg".split(),
    "iterations",
]
TOPK_MODELS_COLUMNS = "dataset model seed split metric value n_images n_classes".split()
TOPK_TRANSFER_COLUMNS = "dataset seed source target method k n_specified metric value n".split()
TOPK_EXAMPLES = (
    "clean adversarial relevant specified clean_logits adversarial_logits k class_names method"
).split()


def of_study(names: Iterable[str], study: str) -> list[str]:
    """The tables or figures of a study: those whose names start with it, in their order."""
    return [name for name in names if name.split("_")[0] == study]


class Primary(Settings):
    """The universe and the protocol that stand beside the published numbers."""

    universe: str
    protocol: str


class Study(Settings):
    """What ``study.json`` says of a run; further keys are kept in the file and not needed here."""

    model_config = ConfigDict(extra="ignore")

    run: str
    dataset: str
    seeds: list[int]
    universes: dict[str, dict[str, Any]]
    primary: Primary
    images: dict[str, int] = Field(default_factory=dict)
    versions: dict[str, Any] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)


class TopkStudy(Settings):
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


class Tidy:
    """The tidy folder of a run, read lazily; each file is read and checked once.

    Args:
        folder: ``results/<run>/tidy``.
        published: folder of the published numbers, ``config/published``.

    Attributes:
        opened: the files read so far, in order: what a table or a figure was made of.

    Raises:
        UserError: ``folder`` or ``published`` is no folder; on access: a file or a column is
            missing, a file has no rows, or a value is out of range.
    """

    def __init__(self, folder: Path, published: Path) -> None:
        for path, option in ((folder, "--tidy"), (published, "--published")):
            if not path.is_dir():
                raise UserError(
                    f"there is no folder {path}",
                    where=f"option {option}",
                    remedy="run the stage 'collect' first, or name the folder that holds the CSVs",
                )
        self.folder = folder
        self.published_folder = published
        self.opened: list[Path] = []

    @property
    def studies(self) -> list[str]:
        """The studies that have at least one file here, in the order of the papers.

        Raises:
            UserError: there are none.
        """
        found = [name for name in STUDIES if any(self.folder.glob(f"{name}_*"))]
        if not found:
            raise UserError(
                "the folder holds no tidy table of any study",
                where=str(self.folder),
                remedy="run the stage 'collect'; it writes selective_metrics.csv and the others",
            )
        return found

    def chosen(self, names: Sequence[str] | None) -> list[str]:
        """The studies to serve: those of ``names`` in the order of the papers, else all present.

        Raises:
            UserError: a name is no study, or has no file here.
        """
        present = self.studies
        absent = [name for name in names or () if name not in present]
        if absent:
            raise UserError(
                f"the folder holds no tidy table of the study {absent[0]!r}",
                where=f"{self.folder}, option --study",
                remedy=f"use one of: {', '.join(present)}; or collect that study first",
            )
        return [name for name in present if not names or name in names]

    def table(
        self, name: str, columns: Sequence[str], *, rows: bool = True, **options: Any
    ) -> pd.DataFrame:
        """Read ``name``.csv or .csv.gz; check that the columns and, with ``rows``, rows are there.

        Raises:
            UserError: the file or a column is missing, the file is no CSV, or it has no rows.
        """
        path = self.folder / f"{name}.csv"
        # Large tables of the shipped reference run are packed.
        packed = path.with_name(f"{path.name}.gz")
        if packed.is_file() and not path.is_file():
            path = packed
        self._check_whole(path)
        self._open(path)
        return _read(path, columns, rows=rows, **options)

    def published(self, name: str) -> pd.DataFrame:
        """The published numbers of table ``name``, one row a number, with its source."""
        path = self.published_folder / f"{name}.csv"
        self._open(path)
        return _read(path, PUBLISHED_COLUMNS)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """``selective_metrics.csv``: one row a cell, protocol, split, metric; values in [0, 1]."""
        text = dict.fromkeys(("digest", "paired_digest", "setting", "universe"), str)
        frame = self.table("selective_metrics", METRICS_COLUMNS, dtype=text)
        path = self.folder / "selective_metrics.csv"
        bad = frame[~frame["value"].between(0, 1)]
        if len(bad):
            row = bad.iloc[0]
            raise UserError(
                f"a share must lie between 0 and 1, and row {bad.index[0] + 2} does not",
                where=f"{path}, column value: {row['value']} ({row['clusterer']}, {row['rule']})",
                remedy="delete the evaluation files of this run and run 'evaluate' again",
            )
        key = [name for name in METRICS_COLUMNS if name not in ("n_images", "value")]
        # Two cells may share one equal-size control, so only the selected cells have to be unique.
        selected = frame[frame["rule"] != "subset"]
        twice = selected[selected.duplicated(key)]
        if len(twice):
            raise UserError(
                "the same fact stands twice, so no mean over seeds can be trusted",
                where=f"{path}, row {twice.index[0] + 2}",
                remedy="run 'collect' again from one set of evaluation files",
            )
        return frame

    @cached_property
    def embedding(self) -> pd.DataFrame:
        """``selective_embedding.csv``: sampled points of the two-dimensional maps."""
        # A run without a two-dimensional reduction has no maps, and that is no error.
        return self.table("selective_embedding", EMBEDDING_COLUMNS, rows=False)

    @cached_property
    def examples(self) -> dict[str, np.ndarray]:
        """``selective_examples.npz``: clean and adversarial images (m, c, h, w) in [0, 1]."""
        return self._arrays("selective_examples", ("clean", "label", "clean_prediction"))

    @cached_property
    def calibration(self) -> pd.DataFrame:
        """``selective_calibration.csv``: the five baselines of each universe that was tried."""
        return self.table("selective_calibration", CALIBRATION_COLUMNS, dtype={"universe_id": str})

    @cached_property
    def sanity(self) -> pd.DataFrame:
        """``selective_sanity.csv``: checks of the evaluation against itself."""
        return self.table("selective_sanity", SANITY_COLUMNS)

    @cached_property
    def choices(self) -> pd.DataFrame:
        """``choices.csv``: what the papers leave open, and the value used."""
        return self.table("choices", CHOICES_COLUMNS, dtype=str)

    @cached_property
    def study(self) -> Study:
        """``study.json``: the run's name, data, seeds, universes and the primary comparison."""
        path = self.folder / "study.json"
        study = self._described(path, Study)
        if study.primary.universe not in study.universes:
            raise UserError(
                f"the primary universe {study.primary.universe!r} is none of the universes",
                where=f"{path}, key primary.universe",
                remedy=f"use one of: {', '.join(study.universes)}",
            )
        return study

    @cached_property
    def topk_metrics(self) -> pd.DataFrame:
        """``topk_metrics.csv``: one row a seed, attack, choice of labels, metric; shares in [0, 1].

        ``value`` is missing where ``n`` is 0: no image was eligible, or none succeeded.
        """
        frame = _named(self.table("topk_metrics", TOPK_METRICS_COLUMNS, dtype=_TOPK_TEXT))
        path = self.folder / "topk_metrics.csv"
        _once(frame, [*TOPK_CELL, "preset", "over", "metric"], path)
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
        return frame

    @cached_property
    def topk_images(self) -> pd.DataFrame:
        """``topk_images.csv``: one row a seed, attack, choice of labels and attacked image."""
        # A run in which no image is eligible has a header only.
        frame = _named(self.table("topk_images", TOPK_IMAGES_COLUMNS, rows=False, dtype=_TOPK_TEXT))
        preset = self.topk_study.preset
        if "preset" in frame.columns:
            frame = frame[frame["preset"] == preset]
        frame = frame.assign(
            preset=preset,
            success=frame["success"].astype(bool),
            stealth=frame["stealth"].astype(bool),
        )
        _once(frame, [*TOPK_CELL, "image"], self.folder / "topk_images.csv")
        return frame

    @cached_property
    def topk_models(self) -> pd.DataFrame:
        """``topk_models.csv``: average precision of each model on clean images."""
        return self.table("topk_models", TOPK_MODELS_COLUMNS, dtype={"model": str})

    @cached_property
    def topk_transfer(self) -> pd.DataFrame:
        """``topk_transfer.csv``: perturbations made on ``source``, judged by ``target``."""
        text = dict.fromkeys(("source", "target", "method"), str)
        return self.table("topk_transfer", TOPK_TRANSFER_COLUMNS, dtype=text)

    @cached_property
    def topk_examples(self) -> dict[str, np.ndarray]:
        """``topk_examples.npz``: images (m, ch, h, w) in [0, 1] with their labels and logits."""
        return self._arrays("topk_examples", TOPK_EXAMPLES)

    @cached_property
    def topk_choices(self) -> pd.DataFrame:
        """``topk_choices.csv``: what the paper of study 2 leaves open, and the value used."""
        return self.table("topk_choices", CHOICES_COLUMNS, dtype=str)

    @cached_property
    def topk_study(self) -> TopkStudy:
        """``topk_study.json``: the run's name, data, seeds, models and label sets."""
        return self._described(self.folder / "topk_study.json", TopkStudy)

    @cached_property
    def bilevel_formulas(self) -> pd.DataFrame:
        """``bilevel_formulas.csv``: closed forms of the delta-measure against brute force."""
        return self._bilevel("bilevel_formulas")

    @cached_property
    def bilevel_moved(self) -> pd.DataFrame:
        """``bilevel_moved.csv``: delta squared against the number of moved points, by pattern."""
        return self._bilevel("bilevel_moved")

    @cached_property
    def bilevel_monotone(self) -> pd.DataFrame:
        """``bilevel_monotone.csv``: random single moves, and how many of them lowered delta."""
        return self._bilevel("bilevel_monotone")

    @cached_property
    def bilevel_agreement(self) -> pd.DataFrame:
        """``bilevel_agreement.csv``: Kendall's tau of each deviation with the matching error."""
        return self._bilevel("bilevel_agreement")

    @cached_property
    def bilevel_path(self) -> pd.DataFrame:
        """``bilevel_path.csv``: the clusterpath: one row a data set and gamma."""
        return self._bilevel("bilevel_path")

    @cached_property
    def bilevel_trajectories(self) -> pd.DataFrame:
        """``bilevel_trajectories.csv``: ways of the points along the clusterpath."""
        return self._bilevel("bilevel_trajectories")

    @cached_property
    def bilevel_intervals(self) -> pd.DataFrame:
        """``bilevel_intervals.csv``: certified and true intervals of gamma."""
        return self._bilevel("bilevel_intervals")

    @cached_property
    def bilevel_sandwich(self) -> pd.DataFrame:
        """``bilevel_sandwich.csv``: certified and attacked sizes."""
        return self._bilevel("bilevel_sandwich")

    @cached_property
    def bilevel_attacks(self) -> pd.DataFrame:
        """``bilevel_attacks.csv``: one row an attack on convex clustering and seed."""
        return self._bilevel("bilevel_attacks")

    @cached_property
    def bilevel_staircase(self) -> pd.DataFrame:
        """``bilevel_staircase.csv``: deviations against the size of the perturbation."""
        return self._bilevel("bilevel_staircase")

    @cached_property
    def bilevel_calmness(self) -> pd.DataFrame:
        """``bilevel_calmness.csv``: how far the solution moved, beside its bounds."""
        return self._bilevel("bilevel_calmness")

    @cached_property
    def bilevel_blackbox(self) -> pd.DataFrame:
        """``bilevel_blackbox.csv``: perturbations made on ``source``, judged by ``target``."""
        return self._bilevel("bilevel_blackbox")

    @cached_property
    def bilevel_onepoint(self) -> pd.DataFrame:
        """``bilevel_onepoint.csv``: one changed point on the pairs of digits."""
        return self._bilevel("bilevel_onepoint")

    @cached_property
    def bilevel_defence(self) -> pd.DataFrame:
        """``bilevel_defence.csv``: radius and agreement with the truth."""
        return self._bilevel("bilevel_defence")

    @cached_property
    def bilevel_choices(self) -> pd.DataFrame:
        """``bilevel_choices.csv``: what the paper of study 3 leaves open, and the value used."""
        return self.table("bilevel_choices", CHOICES_COLUMNS, dtype=str)

    @cached_property
    def bilevel_study(self) -> BilevelStudy:
        """``bilevel_study.json``: the run's name, seeds, data sets and settings."""
        return self._described(self.folder / "bilevel_study.json", BilevelStudy)

    def _bilevel(self, name: str) -> pd.DataFrame:
        shape = SHAPES[name]
        frame = self.table(
            name, shape.columns, rows=shape.rows, dtype=dict.fromkeys(shape.text, str)
        )
        return checked(frame, shape, self.folder / f"{name}.csv")

    def _open(self, path: Path) -> None:
        if path not in self.opened:
            self.opened.append(path)

    def _described(self, path: Path, kind: type[Kind]) -> Kind:
        self._open(path)
        return _settings(path, kind)

    def _check_whole(self, path: Path) -> None:
        """A table whose end is missing may still be a table: only its checksum tells."""
        stages = {"topk": "topk_collect", "bilevel": "bilevel_collect"}
        study = path.name.partition("_")[0]
        prefix = f"{study}_" if study in stages else ""
        # A table that is packed has a checksum inside, and one made by hand has none to compare.
        if path.is_file() and (self.folder / f"{prefix}study.json").is_file():
            made: Study | TopkStudy | BilevelStudy = getattr(self, f"{prefix}study")
            expected = made.files.get(path.name)
            if expected:
                check_sha256(path, expected, stages.get(study, "collect"))

    def _arrays(self, name: str, wanted: Sequence[str]) -> dict[str, np.ndarray]:
        path = self.folder / f"{name}.npz"
        if not path.is_file():
            raise _missing(path)
        self._check_whole(path)
        self._open(path)
        arrays = read_npz(path)
        absent = [array for array in wanted if array not in arrays]
        if absent:
            raise UserError(
                f"the array {absent[0]!r} is missing", where=str(path), remedy="run 'collect' again"
            )
        return arrays


_TOPK_TEXT = dict.fromkeys("model labels surrogate knowledge method preset".split(), str)


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Name what a method does not have: groups are formed by these columns."""
    return frame.fillna({"surrogate": "none", "knowledge": "truth", "hidden": 0.0})


def _once(frame: pd.DataFrame, key: list[str], path: Path) -> None:
    twice = frame[frame.duplicated(key)]
    if len(twice):
        raise UserError(
            "the same fact stands twice, so no mean can be trusted",
            where=f"{path}, row {twice.index[0] + 2}",
            remedy="run 'collect' again from one set of attack files",
        )


def _settings(path: Path, kind: type[Kind]) -> Kind:
    if not path.is_file():
        raise _missing(path)
    try:
        return kind.model_validate(read_json(path))
    except json.JSONDecodeError as error:
        raise UserError(
            f"is no JSON: {error}", where=str(path), remedy="run 'collect' again"
        ) from error
    except ValidationError as error:
        raise validation_error(error, where=str(path)) from error


def _read(path: Path, columns: Sequence[str], *, rows: bool = True, **options: Any) -> pd.DataFrame:
    if not path.is_file():
        raise _missing(path)
    try:
        frame = read_csv(path, **options)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(
            f"cannot be read as CSV: {error}", where=str(path), remedy="run 'collect' again"
        ) from error
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise UserError(
            f"missing columns: {', '.join(absent)}",
            where=f"{path} (has: {', '.join(map(str, frame.columns))})",
            remedy="write the file again with the stage 'collect' of this version",
        )
    if rows and frame.empty:
        raise UserError(
            "the file has a header and no rows",
            where=str(path),
            remedy="run the study's stages first; 'make why' shows what is still to do",
        )
    return frame


def _missing(path: Path) -> UserError:
    return UserError(
        f"{path.name} is missing",
        where=str(path.parent),
        remedy="run the stage 'collect', which writes it, or name another folder",
    )
