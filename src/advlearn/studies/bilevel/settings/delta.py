"""Settings of study 3's measurements of the delta-measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from advlearn.settings.base import EachOnce, Seeds, Settings, WrongKey

if TYPE_CHECKING:
    from advlearn.settings.run import RunSettings, Wildcards
    from advlearn.studies.bilevel.settings.study import BilevelSettings

_Clusters = Annotated[int, Field(ge=2, le=100)]
_Size = Annotated[int, Field(ge=1, le=10_000)]
_Imbalance = Annotated[float, Field(ge=1, le=1e4)]


class BilevelDeltaSettings(Settings):
    """Closed forms, growth with the moved points, and agreement of deviations."""

    cases: int = Field(
        400, ge=1, le=100_000, description="random partitions for each closed form checked"
    )
    sizes: Annotated[
        tuple[Annotated[tuple[_Size, ...], Field(min_length=2, max_length=3)], ...], EachOnce
    ] = Field(
        ((36, 36), (18, 54), (24, 24, 24)),
        min_length=1,
        description="partitions in two or three clusters whose patterns of moves are shown",
    )
    points: int = Field(120, ge=4, le=10_000, description="points of all random partitions")
    monotone_clusters: Annotated[tuple[_Clusters, ...], EachOnce] = Field(
        (2, 3, 5), min_length=1, description="numbers of clusters of the random moves"
    )
    imbalances: Annotated[tuple[_Imbalance, ...], EachOnce] = Field(
        (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0),
        min_length=1,
        description="largest over smallest cluster size of the random moves",
    )
    bins: int = Field(20, ge=2, le=1000, description="shares of moved points")
    moves: int = Field(300, ge=1, le=100_000, description="random moves in each cell")
    agreement_clusters: Annotated[tuple[_Clusters, ...], EachOnce] = Field(
        (2, 3, 5, 10), min_length=1, description="numbers of clusters where deviations are compared"
    )
    unbalanced: _Imbalance = Field(
        8.0, description="largest over smallest cluster size where deviations are compared"
    )
    partitions: int = Field(
        40, ge=2, le=10_000, description="changed partitions of each scenario and seed"
    )
    seeds: Seeds = Field(
        (0, 1, 2, 3, 4), min_length=1, description="seeds; the first one draws cases and moves"
    )

    @model_validator(mode="after")
    def _a_point_a_cluster(self) -> Self:
        if max(*self.monotone_clusters, *self.agreement_clusters) > self.points:
            raise WrongKey("points", "at least one for each of the clusters")
        return self

    @classmethod
    def of(cls, study: BilevelSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """As the study has them."""
        return cls.model_validate(study.delta)
