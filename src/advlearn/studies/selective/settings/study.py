"""The whole of study 1 as the configuration has it, and the jobs that follow from it."""

from __future__ import annotations

from math import prod
from typing import Annotated, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from advlearn.settings.attack import check_attack
from advlearn.settings.base import EachOnce, Settings, WrongKey, check_plain_names
from advlearn.settings.cluster import ClusterSettings
from advlearn.settings.data import ImageFacts
from advlearn.settings.embed import EmbedSettings
from advlearn.settings.run import RunSettings, StudySettings, Wildcards, entry_of, not_in_run
from advlearn.studies.selective.settings.calibrate import CalibrateSettings
from advlearn.studies.selective.settings.jobs import EvaluateSettings
from advlearn.studies.selective.settings.select import MODEL_RULES, RULES, SelectSettings
from advlearn.studies.selective.settings.universe import UniverseSettings
from advlearn.support.errors import UserError, did_you_mean, unknown_name

_Names = Annotated[tuple[str, ...], EachOnce]
_KEYS = "'selective.universes' and 'selective.grid'"


class GridBlock(Settings):
    """A product of universes, attacks and reductions, each with all clusterers of the block."""

    universes: _Names = Field(..., min_length=1, description="names of universes")
    attacks: _Names = Field(..., min_length=1, description="names of their attacks")
    reductions: _Names = Field(
        ..., min_length=1, description="none, pca, tsne, or a name of embed.own"
    )
    clusterers: _Names = Field(..., min_length=1, description="names of clusterers")
    select: SelectSettings | None = Field(
        None, description="selection rules of this block; null = selective.select"
    )
    first_seeds: int | None = Field(
        None, ge=0, description="the run's first seeds, which run this block; null: all"
    )


class GridLine(NamedTuple):
    """A line of the grid; ``first_seeds`` seeds of the run, or all, run it."""

    universe: str
    attack: str
    reduction: str
    clusterers: tuple[str, ...]
    select: SelectSettings
    first_seeds: int | None = None


class SelectiveSettings(StudySettings):
    """Study 1: cluster-selective adversarial training (Rasheed & Khan 2023)."""

    universes: dict[str, UniverseSettings] = Field(
        ..., min_length=1, description="named answers to what the paper leaves open"
    )
    primary: str = Field(
        ..., description="universe of the grid that is set beside the published numbers"
    )
    embed: EmbedSettings = EmbedSettings()
    cluster: ClusterSettings = ClusterSettings()
    select: SelectSettings = SelectSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    calibrate: CalibrateSettings | None = Field(
        CalibrateSettings(),
        description="search for the universe of the published numbers; null: none, as for data"
        " that the paper has no numbers of",
    )
    grid: tuple[GridBlock, ...] = Field(..., min_length=1, description="which cells are run")

    @field_validator("universes")
    @classmethod
    def _plain_names(cls, universes: dict[str, UniverseSettings]) -> dict[str, UniverseSettings]:
        return check_plain_names(universes, "universe name")

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        if self.primary not in self.universes:
            raise WrongKey("primary", self._unknown_universe(self.primary))
        seen = set()
        for number, block in enumerate(self.grid):
            for position, reduction in enumerate(block.reductions):
                if reduction not in (known := self.embed.known()):
                    raise WrongKey(
                        f"grid.{number}.reductions.{position}",
                        f"unknown reduction {reduction!r}{did_you_mean(reduction, known)}; known:"
                        f" {', '.join(known)}",
                    )
            for universe in block.universes:
                if universe not in self.universes:
                    raise WrongKey(f"grid.{number}.universes", self._unknown_universe(universe))
                attacks = self.universes[universe].attacks
                for attack in block.attacks:
                    if attack not in attacks:
                        raise WrongKey(
                            f"grid.{number}.attacks",
                            f"universe {universe!r} has no attack {attack!r}"
                            f"{did_you_mean(attack, attacks)}; it has: {', '.join(attacks)}",
                        )
                    for reduction in block.reductions:
                        if (universe, attack, reduction) in seen:
                            raise WrongKey(
                                f"grid.{number}",
                                f"{universe}, {attack}, {reduction} is in two blocks; "
                                "put all its clusterers into one",
                            )
                        seen.add((universe, attack, reduction))
        return self

    @model_validator(mode="after")
    def _primary_is_run(self) -> Self:
        run_here = list(dict.fromkeys(name for block in self.grid for name in block.universes))
        if self.primary not in run_here:
            raise WrongKey(
                "primary",
                f"no block of the grid runs universe {self.primary!r}, so that nothing could be set"
                f" beside the published numbers; the grid has: {', '.join(run_here)}",
            )
        return self

    def _unknown_universe(self, name: str) -> str:
        hint = did_you_mean(name, self.universes)
        return f"unknown universe {name!r}{hint}; known: {', '.join(self.universes)}"

    def lines(self) -> list[GridLine]:
        """Every (universe, attack, reduction) of the grid with its clusterers, in grid order."""
        return [
            GridLine(
                universe,
                attack,
                reduction,
                block.clusterers,
                block.select or self.select,
                block.first_seeds,
            )
            for block in self.grid
            if block.first_seeds != 0
            for universe in block.universes
            for attack in block.attacks
            for reduction in block.reductions
        ]

    @property
    def search(self) -> CalibrateSettings:
        """The search of a run that has one.

        Raises:
            UserError: the configuration says that there is none.
        """
        if self.calibrate is None:
            raise UserError(
                "the run has no search for the universe of the published numbers",
                where="configuration key 'selective.calibrate': null",
                remedy="give it settings, such as {draws: 1500}, or ask for no results of it",
            )
        return self.calibrate

    def universe_of(self, wildcards: Wildcards) -> UniverseSettings:
        """The universe of a job.

        Raises:
            UserError: the run has no such universe.
        """
        return entry_of(self.universes, wildcards.universe, "universe", _KEYS)

    def line_of(self, wildcards: Wildcards) -> GridLine:
        """The line of the grid that a job belongs to.

        Raises:
            UserError: the run has no such line.
        """
        wanted = (wildcards.universe, wildcards.attack, wildcards.reduction)
        for line in self.lines():
            if line[:3] == wanted:
                return line
        raise not_in_run("/".join(wanted), "universe, attack and reduction", _KEYS)

    def check(self, run: RunSettings, images: ImageFacts | None) -> None:
        """Refuse more validation or training images than there are, and unknown clusterers.

        Raises:
            UserError: a value does not fit the data of the run.
        """
        n_train = run.data.train_images if images is None else images.n_train
        wanted, there = self.evaluate.validation_images, run.data.validation_images
        if wanted > there:
            raise UserError(
                f"selective.evaluate.validation_images: {wanted} of {there} validation images",
                where="configuration key 'selective.evaluate.validation_images'",
                remedy="lower it or raise data.validation_images",
            )
        self._check_strong()
        for line in self.lines():
            for clusterer in line.clusterers:
                self.cluster.of(clusterer)
                if n_train is not None:
                    self.cluster.check_images(clusterer, n_train)
            if n_train is not None:
                n_pixels = None if images is None else prod(images.shape)
                self.embed.check_images(line.reduction, n_train, n_pixels)

        if images is not None:
            for name, universe in self.universes.items():
                for attack, settings in universe.attacks.items():
                    where = f"configuration key 'selective.universes.{name}.attacks.{attack}"
                    check_attack(settings, images, where)

    def _check_strong(self) -> None:
        """Refuse strong attacks on models that no job of the run makes."""
        strong = self.evaluate.strong
        if strong is None:
            return
        where = "configuration key 'selective.evaluate.strong.{}'"
        own = [name for each in self._selections() for name in each.own]
        rules = [*RULES, *MODEL_RULES, *dict.fromkeys(own)]
        for rule in strong.rules:
            if rule not in rules:
                raise unknown_name("rule", rule, rules, where=where.format("rules"))
        known = self.cluster.known()
        for clusterer in strong.clusterers or ():
            if clusterer not in known:
                raise unknown_name("clusterer", clusterer, known, where=where.format("clusterers"))

    def further_seeds(self) -> dict[str, tuple[int, ...]]:
        """The calibration has its own seeds."""
        return {"calibrate": self.calibrate.seeds} if self.calibrate else {}

    def left_out(self) -> tuple[str, ...]:
        """The search, where the configuration has none."""
        return () if self.calibrate else ("calibrate", "finalists", "confirm")

    def own_functions(self) -> list[str]:
        """Networks, attacks, reductions, clusterers and selection rules of the user's own."""
        models = [universe.model.name for universe in self.universes.values()]
        attacks = [
            attack.name
            for universe in self.universes.values()
            for attack in universe.attacks.values()
        ]
        own = [*self._own_of(self.cluster), *self._own_of(self.embed)]
        rules = [name for each in self._selections() for name in self._own_of(each)]
        return [*models, *attacks, *own, *rules]

    def _selections(self) -> list[SelectSettings]:
        """Selection rules of the study and of the blocks that have their own."""
        return [self.select, *(block.select for block in self.grid if block.select)]

    @staticmethod
    def _own_of(settings: ClusterSettings | EmbedSettings | SelectSettings) -> list[str]:
        return [own.function for own in settings.own.values()]
