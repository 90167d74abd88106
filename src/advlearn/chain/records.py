"""What Snakemake wrote down when it ran a job.

These files are private to Snakemake: where one is absent or of another form, nothing is known.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(".snakemake/metadata")
_LONGEST_NAME = 254


@dataclass(frozen=True)
class Record:
    """The record of the job that wrote a file.

    Attributes:
        started: UTC, ISO 8601; none where it is not known.
        seconds: duration; none where it is not known.
        params: its parameters in Snakemake's form, sorted.
        command: the shell command, or none.
    """

    started: str | None
    seconds: float | None
    params: tuple[str, ...]
    command: str | None


def record_of(file: str, folder: Path = FOLDER) -> Record | None:
    """The record of the job that wrote ``file``, or none where there is none that can be read.

    Args:
        file: path as in the rules.
        folder: Snakemake's folder of records.
    """
    name = urlsafe_b64encode(file.encode()).decode()
    parts = [name[i : i + _LONGEST_NAME] for i in range(0, len(name), _LONGEST_NAME)]
    path = folder.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        start, end = found.get("starttime"), found.get("endtime")
        return Record(
            started=_time(start),
            seconds=round(end - start, 1) if start and end else None,
            params=tuple(sorted(map(str, found["params"]))),
            command=found.get("shellcmd"),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _time(stamp: float | None) -> str | None:
    return datetime.fromtimestamp(stamp, UTC).isoformat(timespec="seconds") if stamp else None
