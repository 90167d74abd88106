"""Settings of study 3's attacks on clusterings.

Radii are given in one unit for every point set: half the smallest distance of two cluster means of
the clean clustering, the size at which these means would meet if every point moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from advlearn.settings.base import EachOnce, Seeds, Settings, WrongKey
from advlearn.settings.own import check_known
from advlearn.studies.bilevel.settings.own import OwnClusteringAttack, OwnVictim
from advlearn.studies.bilevel.settings.path import GraphSettings

if TYPE_CHECKING:
    from advlearn.settings.run import RunSettings, Wildcards
    from advlearn.studies.bilevel.settings.study import BilevelSettings

ATTACKS = (
    "noise", "smoothed", "merge", "cut", "dual", "transfer", "genetic", "cma_es", "one_point",
)  # fmt: skip
LABELS_ONLY: tuple[Literal["genetic", "cma_es"], ...] = ("genetic", "cma_es")
"""Attacks that every clusterer meets by its labels alone."""
Weights = Literal["fixed", "recomputed"]
WEIGHTS: tuple[Weights, ...] = ("fixed", "recomputed")
VICTIMS = ("convex", "resistant", "kmeans", "ward", "spectral", "dbscan", "hdbscan")
Budget = Literal["per_point", "frobenius", "linf", "few_points_1", "few_points_5", "few_points_10"]
Direction = Literal["noise", "merge", "split", "transfer"]
DIRECTIONS: tuple[Direction, ...] = ("noise", "merge", "split", "transfer")
_Share = Annotated[float, Field(gt=0, le=1)]
_Digit = Annotated[int, Field(ge=0, le=9)]
_Radius = Annotated[float, Field(gt=0, le=100)]


class BilevelAttackSettings(Settings):
    """Attacks on convex clustering in both forms of the bilevel problem."""

    methods: Annotated[tuple[str, ...], EachOnce] = Field(
        ATTACKS,
        min_length=1,
        description="attacks: noise, smoothed, merge, cut, dual, transfer, genetic, cma_es,"
        " one_point, or a name of own",
    )
    own: dict[str, OwnClusteringAttack] = Field({}, description="attacks of one's own, by name")
    weights: Annotated[tuple[Weights, ...], EachOnce] = Field(
        WEIGHTS, min_length=1, description="attackers"
    )
    targets: Annotated[tuple[_Share, ...], EachOnce] = Field(
        (0.1, 0.25),
        description="min effort: matching errors to be reached, besides the first change",
    )
    largest: _Radius = Field(
        2.0,
        description="min effort: largest radius that is tried, in units of half the smallest"
        " distance of two cluster means",
    )
    radii: int = Field(
        6, ge=1, le=1000, description="min effort: radii, each half the one above, before bisection"
    )
    tolerance: float = Field(
        1e-3, gt=0, le=1, description="min effort: relative accuracy along the direction found"
    )
    budgets: Annotated[tuple[Budget, ...], EachOnce] = Field(
        ("per_point", "frobenius", "linf", "few_points_1", "few_points_5", "few_points_10"),
        min_length=1,
        description="max effect: budgets",
    )
    taus: Annotated[tuple[_Radius, ...], EachOnce] = Field(
        (0.5,),
        min_length=1,
        description="max effect: radii per point in the unit of 'largest'; frobenius and linf get"
        " the radii of the balls with the same reach",
    )
    generations: int = Field(
        20, ge=1, description="perturbations that genetic and cma_es try at a radius"
    )
    zeroing: float = Field(
        0.001, ge=0, le=1, description="share of the entries that the genetic attack sets to zero"
    )
    staircase: int = Field(
        21, ge=2, le=1000, description="sizes from 0 to 'largest' at which curves are drawn"
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        check_known(self.methods, ATTACKS, self.own, "methods", "attack")
        return self


class BlackboxSettings(Settings):
    """Attacks on clusterers of which labels alone are seen."""

    victims: Annotated[tuple[str, ...], EachOnce] = Field(
        VICTIMS,
        min_length=1,
        description="clusterers: convex, resistant, kmeans, ward, spectral, dbscan, hdbscan, or a"
        " name of own",
    )
    own: dict[str, OwnVictim] = Field({}, description="clusterers of one's own, by name")
    surrogates: Annotated[tuple[Literal["smoothed", "merge", "cut", "transfer"], ...], EachOnce] = (
        Field(
            ("merge", "cut", "transfer"),
            description="attacks on convex clustering whose perturbations the others are given",
        )
    )
    tau: _Radius = Field(
        0.5,
        description="radius per point, in units of half the smallest distance of two cluster means",
    )
    methods: Annotated[tuple[Literal["genetic", "cma_es"], ...], EachOnce] = Field(
        LABELS_ONLY, min_length=1, description="attacks on every clusterer by its labels alone"
    )
    generations: int = Field(110, ge=1, description="perturbations that each of them tries")
    zeroing: float = Field(
        0.001, ge=0, le=1, description="share of the entries that the genetic attack sets to zero"
    )
    outlying: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="resistant: share of the clean entries that lie beyond the threshold from which"
        " on its loss is linear",
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        if "none" in self.own:
            raise WrongKey("own", "the name 'none' is taken: that of the noise's source")
        check_known(self.victims, VICTIMS, self.own, "victims", "clusterer")
        return self


class OnepointSettings(Settings):
    """One changed digit, beside the published attack."""

    pairs: Annotated[tuple[tuple[_Digit, _Digit], ...], EachOnce] = Field(
        ((1, 4), (8, 9)), min_length=1, description="pairs of digits"
    )
    victims: Annotated[tuple[Literal["kmeans", "ward", "spectral"], ...], EachOnce] = Field(
        ("ward",), min_length=1, description="clusterers, with two clusters"
    )
    radius: float = Field(
        15.7,
        gt=0,
        description="longest Euclidean move in pixels from 0 to 16; the published moves are longer",
    )
    points: int = Field(
        1000, ge=1, description="digits that are tried, nearest to the boundary first"
    )
    directions: int = Field(2, ge=1, description="directions tried for each")
    lengths: Annotated[tuple[_Share, ...], EachOnce] = Field(
        (1.0, 0.7, 0.4), min_length=1, description="shares of the radius tried for each"
    )
    outliers: float = Field(
        0.95,
        ge=0,
        le=1,
        description="the moved digit stays as near to another as this share of the digits is",
    )
    seeds: Seeds = Field(
        (0, 1, 2), min_length=1, description="seeds of directions and of the noise beside them"
    )

    @field_validator("pairs")
    @classmethod
    def _different(cls, pairs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        for first, second in pairs:
            if first == second:
                raise ValueError(f"pair {first}, {second}: two different digits")
        return pairs

    @classmethod
    def of(cls, study: BilevelSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """As the study has them."""
        return cls.model_validate(study.onepoint)


class BilevelAttackJob(Settings):
    """Settings of a job of bilevel_attack."""

    graph: GraphSettings
    attack: BilevelAttackSettings

    @classmethod
    def of(cls, study: BilevelSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The same for every point set."""
        return cls(graph=study.graph, attack=study.attack)


class BilevelBlackboxJob(Settings):
    """Settings of a job of bilevel_blackbox."""

    graph: GraphSettings
    blackbox: BlackboxSettings

    @classmethod
    def of(cls, study: BilevelSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The same for every point set."""
        return cls(graph=study.graph, blackbox=study.blackbox)
