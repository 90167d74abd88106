"""The record of a finished run and its configuration, which lie in the run's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from advlearn.support.io import read_json


def find_record(
    folder: Path, study: str, fits: Callable[[dict[str, Any]], bool] = lambda record: True
) -> tuple[dict[str, Any], Path] | None:
    """The record of a study's run, and the path of its configuration.

    Args:
        folder: of the run.
        study: its name. A study that was run alone has ``run-STUDY.json`` in place of
            ``run.json``; where there are both, it was run alone before or after everything was,
            and the later one counts.
        fits: which of the two may be it.

    Returns:
        None where there is no such record, or no configuration beside it.
    """
    paths = [folder / "run.json", folder / f"run-{study}.json"]
    found = [(read_json(path), path) for path in paths if path.is_file()]
    fitting = [(record, path) for record, path in found if fits(record)]
    if not fitting:
        return None
    record, path = max(fitting, key=lambda each: each[0]["recorded"])
    config = path.with_name(path.name.replace("run", "config", 1)).with_suffix(".yaml")
    return (record, config) if config.is_file() else None
