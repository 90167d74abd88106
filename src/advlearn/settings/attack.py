"""Settings of the attacks on images; the key ``name`` says which attack they belong to."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from advlearn.settings.base import Settings, validation_error
from advlearn.support.errors import unknown_name

Norm = Literal["linf", "l2"]
DeviationName = Literal["cross_entropy", "dlr", "negative_margin"]

ATTACK_NAMES: tuple[str, ...] = ("fgsm", "pgd")


class FgsmSettings(Settings):
    """Fast gradient (sign) method: one step of the whole radius (Goodfellow et al. 2015)."""

    name: Literal["fgsm"] = Field(default="fgsm", description="Which attack these settings are of.")
    epsilon: float = Field(
        default=0.3,
        ge=0,
        description="Radius of the perturbation ball; pixels are in [0, 1].",
    )
    norm: Norm = Field(default="linf", description="Norm of the perturbation ball.")


class PgdSettings(Settings):
    """Projected gradient ascent (Madry et al. 2018)."""

    name: Literal["pgd"] = Field(default="pgd", description="Which attack these settings are of.")
    epsilon: float = Field(
        default=0.3,
        ge=0,
        description="Radius of the perturbation ball; pixels are in [0, 1].",
    )
    norm: Norm = Field(default="linf", description="Norm of the perturbation ball.")
    steps: int = Field(default=20, ge=1, le=100_000, description="Gradient steps of each restart.")
    step_size: float | None = Field(
        default=None, gt=0, description="Length of a step; null means 2.5 * epsilon / steps."
    )
    random_start: bool = Field(
        default=True,
        description="Begin at a random point of the ball, else at the image.",
    )
    restarts: int = Field(
        default=1, ge=1, le=1000, description="Independent runs; more than one needs random starts."
    )
    deviation: DeviationName = Field(
        default="cross_entropy", description="What the attack makes as large as it can."
    )

    @model_validator(mode="after")
    def _restarts_differ(self) -> Self:
        if self.restarts > 1 and not self.random_start:
            raise ValueError("more than one restart needs random_start: true, else all are equal")
        return self

    @property
    def resolved_step_size(self) -> float:
        """The length of a step: ``step_size``, or 2.5 * epsilon / steps where that is not given.

        2.5 times is the rule of Madry et al. (2018): the iterate can reach the border of the ball
        from any start and still move along it.
        """
        return 2.5 * self.epsilon / self.steps if self.step_size is None else self.step_size


AttackSettings = Annotated[FgsmSettings | PgdSettings, Field(discriminator="name")]

_ADAPTER: TypeAdapter[FgsmSettings | PgdSettings] = TypeAdapter(AttackSettings)


def attack_from_json(text: str) -> FgsmSettings | PgdSettings:
    """Read the settings of whichever attack the key ``name`` says.

    Raises:
        UserError: no JSON, an unknown attack, an unknown key or a wrong value.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            if item["type"] == "union_tag_invalid":
                name = str(item.get("ctx", {}).get("tag", ""))
                raise unknown_name(
                    "attack", name, list(ATTACK_NAMES), where=f"key 'name', value {name!r}"
                ) from error
        raise validation_error(error, where="settings of an attack") from error
