"""The record of a finished run and its configuration, which lie in the run's folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from advlearn.support.io import read_json

Values = Mapping[str, Any]


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


def all_stages(stages: Sequence[Values]) -> dict[str, Any]:
    """Jobs and seconds of each stage in all of some runs, and the most of what is a most.

    Args:
        stages: the entries ``stages`` of their records.
    """
    found: Values = reduce(_both_stages, stages)
    return dict(found)


def _both_stages(one: Values, another: Values) -> dict[str, Any]:
    return {stage: _both(one.get(stage), another.get(stage)) for stage in {**one, **another}}


def _both(one: Values | None, another: Values | None) -> dict[str, Any] | None:
    """Jobs and seconds of a stage in both runs, and the most of what is a most."""
    if one is None or another is None:
        found = one or another
        return dict(found) if found else None
    both: dict[str, Any] = {"devices": sum_of([one["devices"], another["devices"]])}
    for key in one:
        if key != "devices":
            values = [each[key] for each in (one, another) if each[key] is not None]
            most = key in ("longest_seconds", "peak_mib")
            both[key] = (max(values) if most else sum(values)) if values else None
    return both


def sum_of(counts: Sequence[Mapping[str, int] | None]) -> dict[str, int] | None:
    """Jobs by device; none where no run knows."""
    total = Counter[str]()
    for each in counts:
        total.update(each or {})
    return dict(sorted(total.items())) or None
