"""Settings of the calibration: which answers to the paper's open questions are enumerated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, field_validator

from advlearn.settings.attack import check_radius
from advlearn.settings.base import EachOnce, Seeds, Settings
from advlearn.settings.network import NetworkSettings, TrainingSettings

if TYPE_CHECKING:
    from advlearn.settings.run import RunSettings, Wildcards
    from advlearn.studies.selective.settings.study import SelectiveSettings


class CalibrateSettings(Settings):
    """The product of all lists is enumerated; each combination is a universe."""

    seeds: Seeds = Field((0,), min_length=1, description="seeds of the calibration")
    models: Annotated[tuple[NetworkSettings, ...], EachOnce] = Field(
        (NetworkSettings(),), min_length=1, description="architectures tried"
    )
    training: TrainingSettings = TrainingSettings()
    epsilons: Annotated[tuple[Annotated[float, Field(ge=0)], ...], EachOnce] = Field(
        (0.5, 0.154),
        min_length=1,
        description="L-infinity radii in [0, 1] pixels; 0.154 is 0.5 in standardised units",
    )
    pgd_steps: int = Field(20, ge=1, description="steps of PGD (the paper: at most 20)")
    pgd_step_sizes: Annotated[tuple[Annotated[float, Field(gt=0)] | None, ...], EachOnce] = Field(
        (None, 0.01),
        min_length=1,
        description="step sizes of PGD (the paper gives none); null is 2.5 epsilon / steps",
    )
    pgd_random_start: bool = Field(
        False, description="random start of PGD (equation (2) of the paper: none)"
    )
    schedules: Annotated[
        tuple[Literal["interleaved", "adversarial_only", "clean_then_adversarial", "mixed"], ...],
        EachOnce,
    ] = Field(
        ("interleaved", "adversarial_only", "mixed"),
        min_length=1,
        description="orders of clean and adversarial steps tried",
    )
    starts: Annotated[tuple[Literal["pretrained", "scratch"], ...], EachOnce] = Field(
        ("pretrained", "scratch"), min_length=1, description="weights tried as a start"
    )
    craftings: Annotated[tuple[Literal["static", "online"], ...], EachOnce] = Field(
        ("static", "online"), min_length=1, description="crafted beforehand, or at each step"
    )
    online_steps: int = Field(7, ge=1, description="steps of online PGD crafting")

    @field_validator("epsilons")
    @classmethod
    def _within_the_box(cls, epsilons: tuple[float, ...]) -> tuple[float, ...]:
        for epsilon in epsilons:
            if wrong := check_radius(epsilon, "linf"):
                raise ValueError(wrong)
        return epsilons

    @classmethod
    def of(cls, study: SelectiveSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """As the study has them."""
        return cls.model_validate(study.calibrate)
