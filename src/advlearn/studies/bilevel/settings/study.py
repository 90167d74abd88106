"""The whole of study 3 as the configuration has it: bilevel model, convex clustering, delta."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from advlearn.data.table_head import check_table
from advlearn.settings.base import (
    EachOnce,
    Seed,
    Settings,
    WrongKey,
    check_plain_names,
    without_null,
)
from advlearn.settings.data import ImageFacts
from advlearn.settings.points import CsvSettings, PointSet
from advlearn.settings.run import RunSettings, StudySettings, Wildcards, entry_of
from advlearn.studies.bilevel.settings.attack import (
    BilevelAttackSettings,
    BlackboxSettings,
    OnepointSettings,
)
from advlearn.studies.bilevel.settings.certify import CertifySettings
from advlearn.studies.bilevel.settings.delta import BilevelDeltaSettings
from advlearn.studies.bilevel.settings.path import GraphSettings, PathSettings
from advlearn.studies.bilevel.settings.poison import PoisonSettings
from advlearn.support.errors import did_you_mean

Experiment = Literal["trajectories", "certify", "attack", "blackbox", "poison"]

_Names = Annotated[tuple[str, ...], EachOnce]


class ExperimentsSettings(Settings):
    """On which point sets the experiments are run; each takes names, or null for all of them.

    Two experiments bring their own points and are run or not.
    """

    trajectories: _Names | None = Field(
        None, description="point sets whose clusterpath is drawn; null = all"
    )
    certify: _Names | None = Field(None, description="point sets with certificates; null = all")
    attack: _Names | None = Field(
        None, description="point sets whose convex clustering is attacked; null = all"
    )
    blackbox: _Names | None = Field(
        None, description="point sets on which all clusterers are attacked; null = all"
    )
    poison: _Names | None = Field(
        None,
        description="point sets whose two largest classes are told apart by poisoned classifiers;"
        " null = all; sets without known classes have no rows",
    )
    onepoint: bool | None = Field(
        None,
        description="whether one digit is changed; null = where not all point sets are tables of"
        " one's own",
    )
    delta: bool | None = Field(
        None,
        description="whether the delta-measure is checked and compared on random partitions; null ="
        " where not all point sets are tables of one's own",
    )


class BilevelSettings(StudySettings):
    """Study 3: bilevel models for adversarial learning and convex clustering (Zheng & Li 2025)."""

    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), EachOnce] | None = Field(
        None, description="seeds of this study; null: those of the run"
    )
    datasets: dict[str, PointSet] = Field(
        ...,
        min_length=1,
        description="point sets by the name that tables and paths use; null leaves one out",
    )
    graph: GraphSettings = Field(
        GraphSettings(), description="which points convex clustering draws together"
    )
    path: PathSettings = Field(PathSettings(), description="the clusterpath")
    experiments: ExperimentsSettings = Field(
        ExperimentsSettings(), description="which point sets are in which experiment"
    )
    certify: CertifySettings = Field(CertifySettings(), description="certificates")
    attack: BilevelAttackSettings = Field(
        BilevelAttackSettings(), description="attacks on convex clustering in both forms"
    )
    blackbox: BlackboxSettings = Field(
        BlackboxSettings(), description="attacks on clusterers of which labels alone are seen"
    )
    poison: PoisonSettings = Field(
        PoisonSettings(), description="linear classifiers whose training data are changed"
    )
    onepoint: OnepointSettings = Field(
        OnepointSettings(), description="one changed digit, beside the published attack"
    )
    delta: BilevelDeltaSettings = Field(
        BilevelDeltaSettings(), description="the delta-measure and its alternatives"
    )

    @field_validator("datasets", mode="before")
    @classmethod
    def _without_null(cls, named: Any) -> Any:
        return without_null(named)

    @field_validator("datasets")
    @classmethod
    def _plain_names(cls, named: dict[str, PointSet]) -> dict[str, PointSet]:
        return check_plain_names(named)

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        known = ", ".join(self.datasets)
        for experiment in get_args(Experiment):
            names = getattr(self.experiments, experiment)
            for name in names or ():
                if name not in self.datasets:
                    raise WrongKey(
                        f"experiments.{experiment}",
                        f"unknown data set {name!r}{did_you_mean(name, self.datasets)}"
                        f"; known: {known}",
                    )
            if names == () and experiment != "trajectories":
                # Tables and figures of an experiment without any data have nothing to show.
                raise WrongKey(f"experiments.{experiment}", "name at least one data set")
        return self

    def check_own_data(self, run: RunSettings, images: ImageFacts) -> None:
        """Look at the heads of the user's own tables.

        Raises:
            UserError: one is missing or no table, or lacks a column or rows.
        """
        for name, points in self.datasets.items():
            if isinstance(points, CsvSettings):
                check_table(points, f"bilevel.datasets.{name}")

    def left_out(self) -> tuple[str, ...]:
        """Experiments with points of their own, where none but the user's tables are of interest.

        Where the configuration says that one is run, or not, that holds.
        """
        shipped = not all(isinstance(points, CsvSettings) for points in self.datasets.values())
        asked = {
            "bilevel_onepoint": self.experiments.onepoint,
            "bilevel_delta": self.experiments.delta,
        }
        return tuple(stage for stage, run in asked.items() if not (shipped if run is None else run))

    def own_functions(self) -> list[str]:
        """Attacks and clusterers of the user's own."""
        attacks = [own.function for own in self.attack.own.values()]
        return [*attacks, *(own.function for own in self.blackbox.own.values())]

    def points_of(self, wildcards: Wildcards) -> PointSet:
        """The point set of a job.

        Raises:
            UserError: the run has no such point set.
        """
        keys = "'bilevel.datasets' and 'bilevel.experiments'"
        return entry_of(self.datasets, wildcards.dataset, "data set", keys)

    def datasets_of(self, experiment: Experiment) -> tuple[str, ...]:
        """Names of the point sets of an experiment, in the order of ``datasets``."""
        names = getattr(self.experiments, experiment)
        return tuple(name for name in self.datasets if names is None or name in names)


class BilevelCollectJob(Settings):
    """Whose results bilevel_collect gathers; ``study`` is what report and choices quote."""

    run: str
    seeds: tuple[int, ...] = Field(..., min_length=1)
    datasets: tuple[str, ...] = Field(..., min_length=1)
    trajectories: tuple[str, ...]
    certify: tuple[str, ...] = Field(..., min_length=1)
    attack: tuple[str, ...] = Field(..., min_length=1)
    blackbox: tuple[str, ...] = Field(..., min_length=1)
    poison: tuple[str, ...] = Field(..., min_length=1)
    study: BilevelSettings

    @classmethod
    def of(cls, study: BilevelSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """Point sets and seeds of the whole run."""
        return cls(
            run=run.run,
            seeds=study.seeds_of(run),
            datasets=tuple(study.datasets),
            trajectories=study.datasets_of("trajectories"),
            certify=study.datasets_of("certify"),
            attack=study.datasets_of("attack"),
            blackbox=study.datasets_of("blackbox"),
            poison=study.datasets_of("poison"),
            study=study,
        )
