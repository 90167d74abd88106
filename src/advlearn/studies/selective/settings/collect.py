"""Settings of the stage collect: the jobs whose results it gathers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from advlearn.settings.base import Settings
from advlearn.studies.selective.settings.jobs import Protocol
from advlearn.studies.selective.settings.strengthen import StrongSettings

if TYPE_CHECKING:
    from advlearn.settings.run import RunSettings, Wildcards
    from advlearn.studies.selective.settings.study import SelectiveSettings


class CollectedJob(Settings):
    """One line of the grid."""

    universe: str
    attack: str
    reduction: str
    clusterers: tuple[str, ...]
    seeds: tuple[int, ...] = Field(..., min_length=1)


class CollectSettings(Settings):
    """Study, seeds and jobs of a run; ``universes`` and ``study`` are what the choices quote."""

    run: str
    seeds: tuple[int, ...] = Field(..., min_length=1)
    blocks: tuple[int, ...]
    parts: tuple[int, ...]
    jobs: tuple[CollectedJob, ...] = Field(..., min_length=1)
    primary: str
    protocol: Protocol
    universes: dict[str, dict[str, Any]]
    study: dict[str, Any]
    strong: StrongSettings | None = None
    left_out: tuple[str, ...] = ()

    def lines(self) -> list[tuple[CollectedJob, int]]:
        """Each line of the grid with each of its seeds."""
        return [(job, seed) for job in self.jobs for seed in job.seeds]

    @classmethod
    def of(cls, study: SelectiveSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """All lines of the grid."""
        about = study.model_dump(mode="json", exclude={"universes", "grid", "calibrate"})
        run_here = {line.universe for line in study.lines()} | {study.primary}
        universes = {
            name: each.model_dump(mode="json")
            for name, each in study.universes.items()
            if name in run_here
        }
        seeds = study.seeds_of(run)
        return cls(
            run=run.run,
            seeds=seeds,
            blocks=tuple(study.calibrate.blocks()) if study.calibrate else (),
            parts=tuple(study.calibrate.parts()) if study.calibrate else (),
            left_out=study.left_out(),
            jobs=tuple(
                CollectedJob(
                    universe=line.universe,
                    attack=line.attack,
                    reduction=line.reduction,
                    clusterers=line.clusterers,
                    seeds=seeds[: line.first_seeds],
                )
                for line in study.lines()
            ),
            primary=study.primary,
            protocol=study.universes[study.primary].protocol,
            universes=universes,
            strong=study.evaluate.strong,
            study={**about, "seeds": list(seeds), "selection_split": "validation"},
        )
