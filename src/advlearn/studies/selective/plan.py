"""What the rules of study 1 need to know while the graph of jobs is built."""

from __future__ import annotations

from typing import Any

from advlearn.settings.run import Wildcards
from advlearn.studies.plan import StudyPlan
from advlearn.studies.selective import work
from advlearn.studies.selective.settings.study import SelectiveSettings
from advlearn.support.codedigest import own_function_digest


class SelectivePlan(StudyPlan[SelectiveSettings]):
    """Lines of the grid, and parameters that are not those of one job's settings class."""

    def lines(self) -> list[dict[str, Any]]:
        """Wildcards of every line of the grid and seed."""
        return [
            {
                "universe": line.universe,
                "seed": seed,
                "attack": line.attack,
                "reduction": line.reduction,
            }
            for line in self.settings.lines()
            for seed in self.seeds[: line.first_seeds]
        ]

    def strengthened(self) -> list[dict[str, Any]]:
        """Wildcards of the lines whose models strong attacks judge."""
        strong = self.settings.evaluate.strong
        if strong is None:
            return []
        return [
            line for line in self.lines() if strong.has(line["reduction"], line["seed"], self.seeds)
        ]

    def calibrations(self) -> list[dict[str, object]]:
        """Wildcards of every block of the search's first stage."""
        search = self.settings.calibrate
        return [{"block": block} for block in search.blocks()] if search else []

    def confirmations(self) -> list[dict[str, object]]:
        """Wildcards of every job of its second stage."""
        search = self.settings.calibrate
        return [{"part": part} for part in search.parts()] if search else []

    def clusterers(self, wildcards: Wildcards) -> tuple[str, ...]:
        """Names of the clusterers of one line of the grid."""
        return self.settings.line_of(wildcards).clusterers

    def work(self, stage: str, wildcards: Wildcards) -> float:
        """As in `StudyPlan`."""
        return work.OF_STAGE[stage](self.settings, self.images, wildcards)

    def model(self, wildcards: Wildcards) -> str:
        """Architecture of a universe, JSON."""
        return self.settings.universe_of(wildcards).model.to_json()

    def own_model(self, wildcards: Wildcards) -> str | None:
        """Digest of the source of a user's own network, none for the registered ones."""
        return own_function_digest(self.settings.universe_of(wildcards).model.name)

    def own_code(self, wildcards: Wildcards) -> list[str | None] | None:
        """Digests of the sources of a user's own network and attack, none without either."""
        attack = self.settings.universe_of(wildcards).attacks[wildcards.attack]
        found = [self.own_model(wildcards), own_function_digest(attack.name)]
        return found if any(found) else None

    def own_clusterer(self, wildcards: Wildcards) -> str | None:
        """Digest of the source of a user's own clusterer, none for the registered ones."""
        own = self.settings.cluster.own.get(wildcards.clusterer)
        return own_function_digest(own.function) if own else None

    def own_reduction(self, wildcards: Wildcards) -> str | None:
        """Digest of the source of a user's own reduction, none for the registered ones."""
        own = self.settings.embed.own.get(wildcards.reduction)
        return own_function_digest(own.function) if own else None

    def embed(self, wildcards: Wildcards) -> str:
        """Parameters of embed, JSON: only those of the job's own reduction."""
        return self.settings.embed.json_for(wildcards.reduction)

    def embed_threads(self, wildcards: Wildcards) -> int:
        """Threads of embed, fixed by the configuration."""
        embed = self.settings.embed
        return embed.tsne.threads if wildcards.reduction == "tsne" else embed.pca_threads

    def cluster(self, wildcards: Wildcards) -> str:
        """Parameters of cluster, JSON: only those of the job's own clusterer."""
        return self.settings.cluster.json_for(wildcards.clusterer)

    def select(self, wildcards: Wildcards) -> str:
        """Parameters of select, JSON."""
        return self.settings.line_of(wildcards).select.to_json()

    def own_rules(self, wildcards: Wildcards) -> list[str | None] | None:
        """Digests of the sources of a user's own selection rules, none without any."""
        own = self.settings.line_of(wildcards).select.own
        return [own_function_digest(each.function) for each in own.values()] or None

    def no_clustering(self, wildcards: Wildcards) -> str:
        """Option of select: the cells without clustering are once there for an attack and seed.

        They are in the line after PCA if that has the seed, since a selection is compared with
        them on its own seed.
        """
        wanted = (wildcards.universe, wildcards.attack, str(wildcards.seed))
        reductions = [
            line["reduction"]
            for line in self.lines()
            if (line["universe"], line["attack"], str(line["seed"])) == wanted
        ]
        chosen = "pca" if "pca" in reductions else next(iter(reductions), None)
        return "--include-single" if wildcards.reduction == chosen else ""
