"""A universe: one answer to every question that the paper leaves open."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from advlearn.settings.attack import AttackSettings
from advlearn.settings.base import NAME_KEY, Settings, check_plain_names
from advlearn.settings.network import NetworkSettings, RetrainSettings, TrainingSettings
from advlearn.studies.selective.settings.jobs import Protocol

UniverseSet = Literal["plausible", "fixed", "following"]
"""Sets of universes over which effects are averaged; ``fixed`` and ``following`` are the groups of
the protocol's prediction."""


class UniverseSettings(Settings):
    """Model, training, attacks and retraining that belong together."""

    description: str = Field(..., description="one sentence: why this universe is in the study")
    model: NetworkSettings = NetworkSettings()
    training: TrainingSettings = TrainingSettings()
    attacks: dict[str, AttackSettings] = Field(
        ...,
        min_length=1,
        description="attacks by the name that tables and paths use",
        json_schema_extra={NAME_KEY: "ATTACK"},
    )
    retrain: RetrainSettings = RetrainSettings()
    protocol: Protocol = Field(
        "whitebox", description="protocol that is set beside the published numbers"
    )
    sets: dict[UniverseSet, Annotated[float, Field(gt=0)]] = Field(
        {},
        description=(
            "weight of the universe in sets of universes: plausible (effects and predictions are"
            " averaged over it; without any such universe it is the primary one), fixed and"
            " following (number of adversarial steps, the protocol's prediction)"
        ),
    )

    @field_validator("attacks")
    @classmethod
    def _plain_names(cls, attacks: dict[str, AttackSettings]) -> dict[str, AttackSettings]:
        return check_plain_names(attacks, "attack name")
