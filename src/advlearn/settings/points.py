"""Settings of point sets: which points, and how many of them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from advlearn.settings.base import EachOnce, Seed, Settings, UserPath, WrongKey

BUNDLED = {"iris": 150, "wine": 178, "breast_cancer": 569}
"""Points of the measurements that come with scikit-learn."""
DIGITS = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
"""Images of each of scikit-learn's digits."""


class BundledSettings(Settings):
    """Measurements that come with scikit-learn; z-scores, constant features dropped."""

    name: Literal["iris", "wine", "breast_cancer"] = Field(..., description="which data set")
    points: int | None = Field(
        None, ge=3, description="points drawn, class by class; null = all of them"
    )
    seed: Seed = Field(0, description="decides which points; the same for all run seeds")

    @model_validator(mode="after")
    def _enough(self) -> Self:
        _check_count(self.points, BUNDLED[self.name])
        return self


class DigitsSettings(Settings):
    """Some classes of scikit-learn's 8x8 digits; pixels divided by 16."""

    name: Literal["digits"] = Field("digits", description="scikit-learn's 8x8 digits")
    classes: Annotated[tuple[Annotated[int, Field(ge=0, le=9)], ...], EachOnce] = Field(
        ..., min_length=1, description="which digits"
    )
    points: int | None = Field(
        None, ge=3, description="points drawn, class by class; null = all of them"
    )
    seed: Seed = Field(0, description="decides which points; the same for all run seeds")

    @model_validator(mode="after")
    def _enough(self) -> Self:
        _check_count(self.points, sum(DIGITS[digit] for digit in self.classes))
        return self


class MoonsSettings(Settings):
    """Two half circles that interlock, or two circles of one centre."""

    name: Literal["moons", "circles"] = Field(..., description="which shape")
    points: int = Field(200, ge=4, le=100_000, description="points in all")
    noise: float = Field(0.05, ge=0, description="standard deviation of the noise, as drawn")
    seed: Seed = Field(0, description="decides the noise; the same for all run seeds")


class BlobsSettings(Settings):
    """Round Gaussian clusters of one size whose centres are a regular polygon in the plane."""

    name: Literal["blobs"] = Field("blobs", description="Gaussian clusters in the plane")
    points: int = Field(150, ge=2, le=100_000, description="points in all, shared out equally")
    clusters: int = Field(3, ge=1, le=100, description="corners of the polygon")
    separation: float = Field(8.0, gt=0, description="distance of neighbouring centres")
    spread: float = Field(1.0, gt=0, description="standard deviation of a cluster")
    seed: Seed = Field(0, description="decides the points; the same for all run seeds")

    @model_validator(mode="after")
    def _a_point_a_cluster(self) -> Self:
        if self.points < self.clusters:
            raise WrongKey("points", "at least one for each of the clusters")
        return self


class CsvSettings(Settings):
    """A table of your own: numeric columns, one row a point."""

    name: Literal["csv"] = Field("csv", description="a CSV file")
    path: UserPath = Field(..., description="the file: a header, then one row a point")
    label: str | None = Field(
        None, description="column of the true classes, any text; null = none is known"
    )
    standardise: bool = Field(True, description="z-scores; false: the columns as they are")
    points: int | None = Field(
        None, ge=3, description="points drawn, class by class; null = all of them"
    )
    seed: Seed = Field(0, description="decides which points; the same for all run seeds")


def _check_count(points: int | None, there: int) -> None:
    if points is not None and points > there:
        raise WrongKey("points", f"{points} of {there}: at most {there}, or null for all")


PointSet = Annotated[
    BundledSettings | DigitsSettings | MoonsSettings | BlobsSettings | CsvSettings,
    Field(discriminator="name"),
]
