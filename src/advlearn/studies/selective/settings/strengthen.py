"""Settings of the stage ``strengthen``: which models meet the strong attacks, and how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field

from advlearn.settings.attack import AttackSettings
from advlearn.settings.base import EachOnce, Settings

if TYPE_CHECKING:
    from advlearn.settings.run import RunSettings, Wildcards
    from advlearn.studies.selective.settings.study import SelectiveSettings


class StrongSettings(Settings):
    """Models that strong attacks judge beside the attack of their universe.

    The attacks are APGD on the cross-entropy, APGD on the targeted difference-of-logits ratio,
    targeted FAB and Square Attack, in the ball of the universe's attack. A model costs about 20
    steps times images times targets gradients.
    """

    images: int = Field(500, ge=1, description="first test images, which are attacked")
    steps: int = Field(50, ge=1, le=100_000, description="steps of a run of APGD and FAB")
    targets: int | None = Field(
        9, ge=1, description="most classes that targeted attacks aim at; null: all but the label"
    )
    queries: int = Field(1000, ge=1, le=1_000_000, description="queries of Square Attack")
    rules: Annotated[tuple[str, ...], EachOnce] = Field(
        ("classic", "none", "all", "random", "subset"),
        min_length=1,
        description="rules whose models are attacked: classic, none, all, a rule of select, or"
        " subset, the controls of those attacked",
    )
    clusterers: Annotated[tuple[str, ...], EachOnce] | None = Field(
        ("kmeans", "agglomerative", "dbscan"),
        description="clusterers whose models are attacked; null: all",
    )
    n_clusters: Annotated[tuple[Annotated[int, Field(ge=1)], ...], EachOnce] | None = Field(
        (4,),
        description="settings n_clusters=K whose models are attacked; null: all; a clusterer that"
        " finds its own number has all its settings attacked",
    )
    reductions: Annotated[tuple[Literal["none", "pca", "tsne"], ...], EachOnce] = Field(
        ("pca",), min_length=1, description="reductions whose models are attacked"
    )
    first_seeds: int | None = Field(
        None, ge=0, description="the run's first seeds, whose models are attacked; null: all"
    )

    def has(self, reduction: str, seed: int, seeds: Sequence[int]) -> bool:
        """Whether models of a reduction and seed, one of the run's ``seeds``, are attacked."""
        return reduction in self.reductions and seed in seeds[: self.first_seeds]


class StrengthenJob(Settings):
    """The attack of one job's universe and the strong attacks beside it."""

    attack: AttackSettings
    strong: StrongSettings

    @classmethod
    def of(cls, study: SelectiveSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The attack of the job."""
        attack = study.universe_of(wildcards).attacks[wildcards.attack]
        # No file of a study without strong attacks is asked for by a rule, but by hand it may be.
        return cls(attack=attack, strong=study.evaluate.strong or StrongSettings())
