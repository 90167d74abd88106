"""The search for the step of each attack on validation images."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from advlearn.settings.base import EachOnce, Settings

_Steps = Annotated[tuple[Annotated[float, Field(gt=0)], ...], EachOnce]


class TopkSearchSettings(Settings):
    """What is tried for each attack: one number, the step, and for all as many values."""

    learning_rates: _Steps = Field(
        (0.0125, 0.025, 0.05, 0.1, 0.2),
        min_length=1,
        description="`learning_rate` of the attacks that descend a loss, one's own included",
    )
    largest_steps: _Steps = Field(
        (0.03, 0.1, 0.3, 1.0, 3.0),
        min_length=1,
        description="`largest_step` of kfool and kfool_s; as many as learning rates",
    )
    travels: _Steps = Field(
        (0.6, 1.25, 2.5, 5.0, 10.0),
        min_length=1,
        description="`travel` of projected; as many as learning rates",
    )
    images: int = Field(
        50, ge=1, description="eligible validation images of each value, the first in order"
    )

    @model_validator(mode="after")
    def _equal(self) -> Self:
        sizes = {len(self.learning_rates), len(self.largest_steps), len(self.travels)}
        if len(sizes) > 1:
            raise ValueError(
                "learning_rates, largest_steps and travels have as many values: the search is"
                " equally large for all attacks"
            )
        return self

    def steps_of(self, method: str) -> tuple[str, tuple[float, ...]]:
        """The key of an attack that is searched, and its values."""
        if method in ("kfool", "kfool_s"):
            return "largest_step", self.largest_steps
        if method == "projected":
            return "travel", self.travels
        return "learning_rate", self.learning_rates
