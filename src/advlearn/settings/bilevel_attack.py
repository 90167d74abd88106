"""Settings of study 3's attacks on clusterings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from advlearn.settings.base import EachOnce, Settings
from advlearn.settings.bilevel_data import GraphSettings

Attack = Literal["noise", "smoothed", "merge", "cut", "transfer", "genetic", "one_point"]
Weights = Literal["fixed", "recomputed"]
Victim = Literal["convex", "kmeans", "ward", "spectral", "dbscan", "hdbscan"]
_Share = Annotated[float, Field(gt=0, le=1)]


class BilevelAttackSettings(Settings):
    """Attacks on convex clustering in both forms of the bilevel problem."""

    methods: Annotated[tuple[Attack, ...], EachOnce] = Field(
        ("noise", "smoothed", "merge", "cut", "transfer", "genetic", "one_point"),
        min_length=1,
        description="attacks",
    )
    weights: Annotated[tuple[Weights, ...], EachOnce] = Field(
        ("fixed", "recomputed"), min_length=1, description="attackers"
    )
    targets: Annotated[tuple[_Share, ...], EachOnce] = Field(
        (0.1, 0.25), description="deviations to be reached, besides the first change"
    )


class BlackboxSettings(Settings):
    """Attacks on clusterers of which labels alone are seen."""

    victims: Annotated[tuple[Victim, ...], EachOnce] = Field(
        ("convex", "kmeans", "ward", "spectral", "dbscan", "hdbscan"),
        min_length=1,
        description="clusterers",
    )


class OnepointSettings(Settings):
    """One changed digit, beside the published attack."""

    pairs: Annotated[tuple[tuple[int, int], ...], EachOnce] = Field(
        ((1, 4), (8, 9)), min_length=1, description="pairs of digits"
    )


class BilevelAttackJob(Settings):
    """What bilevel_attack is told."""

    graph: GraphSettings
    attack: BilevelAttackSettings


class BilevelBlackboxJob(Settings):
    """What bilevel_blackbox is told."""

    graph: GraphSettings
    blackbox: BlackboxSettings
