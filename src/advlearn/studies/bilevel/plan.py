"""What the rules of study 3 need to know while the graph of jobs is built."""

from __future__ import annotations

from collections.abc import Iterable

from advlearn.settings.points import CsvSettings
from advlearn.settings.run import Wildcards
from advlearn.studies.bilevel.settings.own import OwnClusteringAttack, OwnVictim
from advlearn.studies.bilevel.settings.study import BilevelSettings, Experiment
from advlearn.studies.plan import StudyPlan, as_input
from advlearn.support.codedigest import own_function_digest


class BilevelPlan(StudyPlan[BilevelSettings]):
    """Point sets of every experiment."""

    def datasets(self) -> list[dict[str, object]]:
        """Wildcards of every point set."""
        return [{"dataset": name} for name in self.settings.datasets]

    def of(self, experiment: Experiment) -> list[dict[str, object]]:
        """Wildcards of the point sets of an experiment."""
        return [{"dataset": name} for name in self.settings.datasets_of(experiment)]

    def seeded(self, experiment: Experiment) -> list[dict[str, object]]:
        """Wildcards of the point sets of an experiment, for every seed."""
        return [{**row, "seed": seed} for row in self.of(experiment) for seed in self.seeds]

    def once(self, stage: str) -> list[dict[str, object]]:
        """Wildcards, none, of the one job of an optional stage; no job where it is left out."""
        return [] if stage in self.settings.left_out() else [{}]

    def own_attacks(self, wildcards: Wildcards) -> list[str | None] | None:
        """Digests of the sources of the user's own attacks, none without any."""
        return _digests(self.settings.attack.own.values())

    def own_victims(self, wildcards: Wildcards) -> list[str | None] | None:
        """Digests of the sources of the user's own clusterers, none without any."""
        return _digests(self.settings.blackbox.own.values())

    def own(self, wildcards: Wildcards) -> list[str]:
        """The user's own table, an input of bilevel_data; nothing for every other point set."""
        data = self.settings.points_of(wildcards)
        if not isinstance(data, CsvSettings):
            return []
        return [as_input(data.path, f"bilevel.datasets.{wildcards.dataset}.path")]


def _digests(own: Iterable[OwnVictim | OwnClusteringAttack]) -> list[str | None] | None:
    return [own_function_digest(each.function) for each in own] or None
