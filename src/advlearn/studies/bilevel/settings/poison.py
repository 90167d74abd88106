"""Settings of study 3's poisoned classifiers: training points moved, training labels flipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field

from advlearn.settings.base import EachOnce, Settings

if TYPE_CHECKING:
    from advlearn.settings.run import RunSettings, Wildcards
    from advlearn.studies.bilevel.settings.study import BilevelSettings

Learner = Literal["logistic", "svm"]
MOVES = ("hypergradient", "noise")
"""Methods that move points: the attack, and its control."""
FLIPS = ("flips", "random_flips")
"""Methods that flip labels: the attack, and its control."""


class PoisonSettings(Settings):
    """Linear classifiers of two classes, whose training data an attacker changes."""

    learners: Annotated[tuple[Learner, ...], EachOnce] = Field(
        ("logistic", "svm"), min_length=1, description="classifiers"
    )
    taus: Annotated[tuple[Annotated[float, Field(gt=0, le=100)], ...], EachOnce] = Field(
        (0.3, 1.0),
        min_length=1,
        description="radii of the training points; 1 is the typical distance of neighbours",
    )
    flips: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], EachOnce] = Field(
        (0.05,), description="shares of the training labels that are flipped"
    )
    penalty: float = Field(
        0.01, gt=0, le=1e6, description="lambda of the classifiers, on the mean loss"
    )
    steps: int = Field(20, ge=1, le=10_000, description="gradient steps of one run")
    restarts: int = Field(2, ge=1, le=1000, description="runs, the first from the clean points")
    shortlist: int = Field(
        5, ge=1, description="labels of the largest influence that are tried for each flip"
    )

    @property
    def rows(self) -> int:
        """Rows of one point set and seed."""
        each = len(self.taus) * len(MOVES) + len(self.flips) * len(FLIPS)
        return len(self.learners) * each


class BilevelPoisonJob(Settings):
    """Settings of a job of bilevel_poison."""

    poison: PoisonSettings

    @classmethod
    def of(cls, study: BilevelSettings, run: RunSettings, wildcards: Wildcards) -> Self:
        """The same for every point set."""
        return cls(poison=study.poison)
