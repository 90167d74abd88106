"""The only door of tables and figures: the tidy tables of a run and the published numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field, ValidationError

from advlearn.settings.base import Settings, validation_error
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_json, read_npz

STUDIES = ("selective", "topk", "bilevel")

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


class Tidy:
    """The tidy folder of a run, read lazily; each file is read and checked once.

    Args:
        folder: ``results/<run>/tidy``.
        published: folder of the published numbers, ``config/published``.

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
        return _read(
            packed if packed.is_file() and not path.is_file() else path,
            columns,
            rows=rows,
            **options,
        )

    def published(self, name: str) -> pd.DataFrame:
        """The published numbers of table ``name``, one row a number, with its source."""
        return _read(self.published_folder / f"{name}.csv", PUBLISHED_COLUMNS)

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
        path = self.folder / "selective_examples.npz"
        if not path.is_file():
            raise _missing(path)
        arrays = read_npz(path)
        for name in ("clean", "label", "clean_prediction"):
            if name not in arrays:
                raise UserError(
                    f"the array {name!r} is missing", where=str(path), remedy="run 'collect' again"
                )
        return arrays

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
        if not path.is_file():
            raise _missing(path)
        try:
            study = Study.model_validate(read_json(path))
        except json.JSONDecodeError as error:
            raise UserError(
                f"is no JSON: {error}", where=str(path), remedy="run 'collect' again"
            ) from error
        except ValidationError as error:
            raise validation_error(error, where=str(path)) from error
        if study.primary.universe not in study.universes:
            raise UserError(
                f"the primary universe {study.primary.universe!r} is none of the universes",
                where=f"{path}, key primary.universe",
                remedy=f"use one of: {', '.join(study.universes)}",
            )
        return study


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
