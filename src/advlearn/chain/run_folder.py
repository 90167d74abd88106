"""The folder of a finished run: its record, its configuration and where its files are now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from advlearn.chain.address import Address
from advlearn.support.checksums import sha256_of
from advlearn.support.errors import UserError
from advlearn.support.run_record import find_record

checksum = cache(sha256_of)
"""SHA-256 of a file, computed once."""


@dataclass(frozen=True)
class RunFolder:
    """Where a run's folder is now, and where its rules say that it is.

    Attributes:
        folder: where the run is.
        home: where the rules of the run put it, ``results/RUN``; another path than ``folder`` where
            only the results of a run were kept, as in ``results/reference``.
        config: its resolved configuration.
        record: its run.json.
    """

    folder: Path
    home: str
    config: Path
    record: Mapping[str, Any]

    @classmethod
    def of(cls, address: Address, folder: Path) -> RunFolder:
        """Find the run's record: that of the study, where the study was run alone.

        Raises:
            UserError: the folder holds no finished run.
        """
        study = address.name.partition("_")[0]
        found = find_record(folder, study)
        if found is None:
            raise UserError(
                f"the folder holds no finished run: neither run.json nor run-{study}.json, beside"
                " which the configuration is",
                where=f"option --run: {folder}",
                remedy="run the workflow first, for example 'make demo', and give results/demo",
            )
        record, config = found
        name = yaml.safe_load(config.read_text(encoding="utf-8"))["run"]
        return cls(folder, f"results/{name}", config, record)

    @property
    def is_complete(self) -> bool:
        """Whether the folder is the run's own, with all files in between."""
        return self.folder.resolve() == Path(self.home).resolve()

    def locate(self, file: str) -> Path | None:
        """Where a file of the rules is now; none where it was not kept."""
        if self.is_complete or not file.startswith("results/"):
            path = Path(file)
        elif file.startswith(f"{self.home}/"):
            path = self.folder / file.removeprefix(f"{self.home}/")
        else:
            return None  # downloads, which another run may have renewed
        packed = path.with_name(f"{path.name}.gz")
        return next((each for each in (path, packed) if each.is_file()), None)

    def file_entry(self, file: str) -> dict[str, str | None]:
        """Path and checksum; null where the file is not there."""
        path = self.locate(file)
        return {"path": str(path or file), "sha256": checksum(path) if path else None}
