"""What the collect stage is told: the jobs whose results it gathers."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from advlearn.settings.base import Settings
from advlearn.settings.jobs import Protocol


class CollectedJob(Settings):
    """One line of the grid."""

    universe: str
    attack: str
    reduction: str
    clusterers: tuple[str, ...]


class CollectSettings(Settings):
    """Study, seeds and jobs of a run; ``universes`` and ``study`` are what choices.csv quotes."""

    run: str
    seeds: tuple[int, ...] = Field(..., min_length=1)
    calibration_seeds: tuple[int, ...]
    jobs: tuple[CollectedJob, ...] = Field(..., min_length=1)
    primary: str
    protocol: Protocol
    universes: dict[str, dict[str, Any]]
    study: dict[str, Any]
