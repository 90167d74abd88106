"""Settings of the toy study, and what its jobs are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field

from advlearn.settings.base import EachOnce, Settings
from advlearn.settings.run import StudySettings

if TYPE_CHECKING:
    from advlearn.settings.run import RunSettings, Wildcards


class ToySettings(StudySettings):
    """The toy study: means of draws from the unit interval."""

    seeds: Annotated[tuple[int, ...], EachOnce] | None = Field(
        None, description="seeds of this study; null: those of the run"
    )
    sizes: Annotated[tuple[Annotated[int, Field(ge=1)], ...], EachOnce] = Field(
        ..., min_length=1, description="numbers drawn for each mean"
    )


class DrawJob(Settings):
    """What toy_draw is told."""

    sizes: tuple[int, ...]

    @classmethod
    def of(cls, study: ToySettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The same for every seed."""
        return cls(sizes=study.sizes)


class CollectJob(Settings):
    """What toy_collect is told."""

    run: str
    seeds: tuple[int, ...]
    study: dict[str, Any]

    @classmethod
    def of(cls, study: ToySettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The seeds of the run, and the settings that the report quotes."""
        return cls(run=run.run, seeds=study.seeds_of(run), study=study.model_dump(mode="json"))
