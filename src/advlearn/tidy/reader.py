"""The only door of tables and figures: the tidy tables of a run and the published numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import pandas as pd
from pydantic import ValidationError

from advlearn.settings.base import Settings, validation_error
from advlearn.support.checksums import check_sha256
from advlearn.support.errors import UserError
from advlearn.support.io import read_csv, read_json, read_npz
from advlearn.tidy.schema import StudySchema, TableSchema, columns, missing_columns

Kind = TypeVar("Kind", bound=Settings)

PUBLISHED = TableSchema(
    columns("table row n_clusters algorithm attack metric published source note")
)
"""Published numbers, one row a number, with its source."""


class Tidy:
    """The tidy folder of a run, read lazily; each file is read and checked once.

    ``tidy["selective_metrics"]`` is a table. A study has a class of its own with its schema.

    Args:
        folder: ``results/<run>/tidy``.
        published: folder of the published numbers of all studies, ``config/published``.

    Attributes:
        opened: the files read so far, in order: what a table or a figure was made of.

    Raises:
        UserError: ``folder`` or ``published`` is no folder; on access: a file or a column is
            missing, a file has no rows, or a value is out of range.
    """

    schema: ClassVar[StudySchema]

    def __init__(self, folder: Path, published: Path) -> None:
        for path, option in ((folder, "--tidy"), (published, "--published")):
            if not path.is_dir():
                raise UserError(
                    f"there is no folder {path}",
                    where=f"option {option}",
                    remedy="run the stage 'collect' first, or name the folder that holds the CSVs",
                )
        self.folder = folder
        self.published_folder = published / self.schema.study
        self.opened: list[Path] = []
        self._tables: dict[str, pd.DataFrame] = {}
        self._arrays: dict[str, dict[str, np.ndarray]] = {}
        self._described: Settings | None = None

    @property
    def collect(self) -> str:
        """The stage that writes the folder."""
        return self.schema.collect

    def __getitem__(self, name: str) -> pd.DataFrame:
        """A table of the schema, read from ``name``.csv or .csv.gz and checked.

        Raises:
            UserError: the file or a column is missing, the file is no CSV, has no rows, or a value
                is not what the schema allows.
        """
        if name not in self._tables:
            self._tables[name] = self._read(name)
        return self._tables[name]

    @property
    def left_out(self) -> list[str]:
        """Stages that the run left out: their tables have no rows, and nothing is drawn of them."""
        if not (self.folder / self.schema.record).is_file():
            return []
        found: list[str] = getattr(self.described(self.schema.described), "left_out", [])
        return found

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of ``name``.npz.

        Raises:
            UserError: the file or an array is missing, or the file is damaged.
        """
        if name not in self._arrays:
            path = self.folder / f"{name}.npz"
            if not path.is_file():
                raise self._missing(path)
            self._check_sum(path)
            self._open(path)
            found = read_npz(path)
            absent = [array for array in self.schema.arrays[name] if array not in found]
            if absent:
                raise UserError(
                    f"the array {absent[0]!r} is missing",
                    where=str(path),
                    remedy=f"run '{self.collect}' again",
                )
            self._arrays[name] = found
        return self._arrays[name]

    def published(self, name: str) -> pd.DataFrame:
        """The published numbers of table ``name``, one row a number, with its source."""
        path = self.published_folder / f"{name}.csv"
        self._open(path)
        return self._csv(path, PUBLISHED)

    def described(self, kind: type[Kind]) -> Kind:
        """What the record of the study says of the run.

        Raises:
            UserError: the record is missing, no JSON, or lacks something.
        """
        if self._described is None:
            path = self.folder / self.schema.record
            self._open(path)
            self._described = self._settings(path)
        assert isinstance(self._described, kind)
        return self._described

    def _read(self, name: str) -> pd.DataFrame:
        schema = self.schema.tables[name]
        path = self.folder / f"{name}.csv"
        # Large tables of the shipped reference run are packed.
        packed = path.with_name(f"{path.name}.gz")
        if packed.is_file() and not path.is_file():
            path = packed
        if not (schema.required or path.is_file() or path.name in self._checksums()):
            none = schema.with_types(pd.DataFrame(columns=list(schema.columns)))
            return self.prepared(name, none)
        self._check_sum(path)
        self._open(path)
        frame = self._csv(path, schema)
        remedy = f"delete the files of {schema.stage or 'this table'} and run the workflow again"
        return schema.checked(self.prepared(name, frame), self.folder / f"{name}.csv", remedy)

    def prepared(self, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        """A table between reading and checking; a study whose files lack something adds it."""
        return frame

    def _csv(self, path: Path, schema: TableSchema) -> pd.DataFrame:
        if not path.is_file():
            raise self._missing(path)
        try:
            frame = read_csv(path, dtype=schema.dtypes)
        except UserError:
            raise
        except (ValueError, pd.errors.ParserError) as error:
            raise UserError(
                f"cannot be read as CSV: {error}",
                where=str(path),
                remedy=f"run '{self.collect}' again",
            ) from error
        wanted: Iterable[str] = (name for name in schema.columns if name not in schema.optional)
        absent = missing_columns(frame, wanted)
        if absent:
            raise UserError(
                f"missing columns: {', '.join(absent)}",
                where=f"{path} (has: {', '.join(map(str, frame.columns))})",
                remedy=f"write the file again with the stage '{self.collect}' of this version",
            )
        if schema.rows and frame.empty and schema.stage not in self.left_out:
            raise UserError(
                "the file has a header and no rows",
                where=str(path),
                remedy="run the study's stages first; 'make why' shows what is still to do",
            )
        return schema.with_types(frame)

    def _open(self, path: Path) -> None:
        if path not in self.opened:
            self.opened.append(path)

    def _check_sum(self, path: Path) -> None:
        """A table whose end is missing may still be a table: only its checksum tells."""
        if path.is_file():
            expected = self._checksums().get(path.name)
            if expected:
                check_sha256(path, expected, self.collect)

    def _checksums(self) -> dict[str, str]:
        """What the record says of the files; a table that is packed has a checksum inside."""
        if not (self.folder / self.schema.record).is_file():
            return {}
        found: dict[str, str] = getattr(self.described(self.schema.described), "files", {})
        return found

    def _settings(self, path: Path) -> Settings:
        if not path.is_file():
            raise self._missing(path)
        try:
            found = self.schema.described.model_validate(read_json(path))
        except json.JSONDecodeError as error:
            raise UserError(
                f"is no JSON: {error}", where=str(path), remedy=f"run '{self.collect}' again"
            ) from error
        except ValidationError as error:
            raise validation_error(error, where=str(path), model=self.schema.described) from error
        return found

    def _missing(self, path: Path) -> UserError:
        return UserError(
            f"{path.name} is missing",
            where=str(path.parent),
            remedy=f"run the stage '{self.collect}', which writes it, or name another folder",
        )
