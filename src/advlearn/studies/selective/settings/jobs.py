"""Settings of a single job of pretrain, craft, retrain or evaluate, and of key evaluate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from advlearn.settings.attack import AttackSettings
from advlearn.settings.base import EachOnce, Settings, WrongKey
from advlearn.settings.network import NetworkSettings, RetrainSettings, TrainingSettings
from advlearn.studies.selective.settings.strengthen import StrongSettings

if TYPE_CHECKING:
    from advlearn.settings.run import RunSettings, Wildcards
    from advlearn.studies.selective.settings.study import SelectiveSettings

Protocol = Literal["whitebox", "transfer"]


class PretrainJob(Settings):
    """A classifier and its training on clean images."""

    model: NetworkSettings = NetworkSettings()
    training: TrainingSettings = TrainingSettings()

    @classmethod
    def of(cls, study: SelectiveSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The classifier of the job's universe."""
        universe = study.universe_of(wildcards)
        return cls(model=universe.model, training=universe.training)


class CraftJob(Settings):
    """The attack of one crafting job."""

    attack: AttackSettings

    @classmethod
    def of(cls, study: SelectiveSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The attack of the job."""
        return cls(attack=study.universe_of(wildcards).attacks[wildcards.attack])


class RetrainJob(Settings):
    """How to retrain, and the attack for online crafting."""

    retrain: RetrainSettings
    attack: AttackSettings

    @classmethod
    def of(cls, study: SelectiveSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """Retraining and attack of the job's universe."""
        universe = study.universe_of(wildcards)
        return cls(retrain=universe.retrain, attack=universe.attacks[wildcards.attack])


class EvaluationSettings(Settings):
    """On what, and how, retrained models are measured."""

    protocols: Annotated[tuple[Protocol, ...], EachOnce] = Field(
        ("whitebox", "transfer"),
        min_length=1,
        description=(
            "whitebox: attack the retrained model; transfer: the static adversarial images of "
            "the pretrained model (the paper does not say which)"
        ),
    )
    validation_images: int = Field(
        2000, ge=1, description="validation images attacked for choosing between settings"
    )
    sanity_images: int = Field(
        500, ge=1, description="test images on which the evaluation checks itself"
    )


class EvaluateSettings(EvaluationSettings):
    """On what, and how, retrained models are measured, and which of them meet strong attacks."""

    strong: StrongSettings | None = Field(
        None,
        description="models that meet the strong attacks of stage strengthen; null: none",
    )

    @model_validator(mode="after")
    def _compared_with_the_papers_kind(self) -> Self:
        if self.strong is not None and "whitebox" not in self.protocols:
            raise WrongKey(
                "strong",
                "strong attacks stand beside the white-box accuracy, which evaluate.protocols"
                " leaves out: add whitebox, or set strong: null",
            )
        return self


class EvaluateJob(Settings):
    """The attack of one evaluation job and what it measures."""

    attack: AttackSettings
    evaluation: EvaluationSettings

    @classmethod
    def of(cls, study: SelectiveSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The attack of the job."""
        attack = study.universe_of(wildcards).attacks[wildcards.attack]
        # Of the strong attacks no evaluation depends.
        evaluation = EvaluationSettings.model_validate(
            study.evaluate.model_dump(exclude={"strong"})
        )
        return cls(attack=attack, evaluation=evaluation)
