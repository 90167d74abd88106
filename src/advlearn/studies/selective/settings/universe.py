"""A universe: one answer to every question that the paper leaves open."""

from __future__ import annotations

from pydantic import Field, field_validator

from advlearn.settings.attack import AttackSettings
from advlearn.settings.base import NAME_KEY, Settings, check_plain_names
from advlearn.settings.network import NetworkSettings, RetrainSettings, TrainingSettings
from advlearn.studies.selective.settings.jobs import Protocol


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

    @field_validator("attacks")
    @classmethod
    def _plain_names(cls, attacks: dict[str, AttackSettings]) -> dict[str, AttackSettings]:
        return check_plain_names(attacks, "attack name")
