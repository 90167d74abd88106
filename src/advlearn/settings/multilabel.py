"""Settings of multi-label data, scenes and photos, and of the classifiers trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from advlearn.settings.base import Seed, Settings, UserPath, WrongKey


class ScenesSettings(Settings):
    """Scenes composed of the digits (or other images) of the run's own data set."""

    name: Literal["scenes"] = Field("scenes", description="scenes of the run's own images")
    canvas: int = Field(64, ge=8, le=512, description="side of a scene in pixels")
    side: tuple[int, int] = Field(
        (16, 24), description="smallest and largest side of a pasted image in pixels"
    )
    labels: tuple[int, int] = Field(
        (3, 9),
        description="fewest and most different labels of a scene, all numbers equally likely",
    )
    negatives: bool = Field(
        False,
        description="each class is a second label as its negative, dark on bright: twice as many"
        " labels as classes",
    )
    train_images: int = Field(20_000, ge=1, description="scenes to train on")
    validation_images: int = Field(2_000, ge=1, description="scenes for every choice")
    test_images: int = Field(10_000, ge=1, description="scenes to attack")
    seed: Seed = Field(0, description="decides the scenes; the same for all run seeds")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 1 <= self.labels[0] <= self.labels[1]:
            raise WrongKey("labels", "fewest and most, both at least 1")
        if not 2 <= self.side[0] <= self.side[1] <= self.canvas:
            raise WrongKey("side", "smallest and largest, at least 2 and at most the canvas")
        return self

    def label_names(self, class_names: Sequence[str]) -> tuple[str, ...]:
        """Names of the labels of scenes of these classes, those of negatives last."""
        negatives = [f"{name} negative" for name in class_names] if self.negatives else []
        return (*class_names, *negatives)

    def n_labels(self, n_classes: int) -> int:
        """Number of labels of scenes of ``n_classes`` classes."""
        return n_classes * (2 if self.negatives else 1)


N_LABELS = {"voc2012": 20, "coco2014": 80, "nuswide": 81}
"""Number of labels of the known sets of photos."""


class PhotosOptions(Settings):
    """How photos of a public data set are found, cut and split."""

    root: UserPath | None = Field(
        None,
        description="folder of the user's copy, whole or partial; null = the official addresses"
        " (nuswide has none)",
    )
    size: int | None = Field(
        None,
        ge=16,
        le=1024,
        description="side of the square that the network sees; null = voc2012 300, coco2014 448,"
        " nuswide 224, as in the paper's code",
    )
    train_images: int | None = Field(None, ge=1, description="training photos; null = all")
    validation_images: int = Field(
        500, ge=1, description="photos set aside from the training split for every choice"
    )
    test_images: int | None = Field(None, ge=1, description="photos to attack; null = all")
    split_seed: Seed = Field(0, description="decides which photos are set aside")


class PhotosSettings(PhotosOptions):
    """Photos of a public data set, read from the user's copy or downloaded."""

    name: Literal["voc2012", "coco2014", "nuswide"] = Field(..., description="which data set")


class MultiLabelTraining(Settings):
    """How a multi-label classifier is trained: binary cross-entropy, summed over the labels."""

    epochs: int = Field(8, ge=1, description="passes over the training split")
    batch_size: int = Field(64, ge=1, description="images a step")
    learning_rate: float = Field(1e-3, gt=0, description="largest learning rate")
    schedule: Literal["constant", "cosine"] = Field(
        "cosine", description="constant, or half a cosine from the learning rate to 0"
    )
    optimiser: Literal["adam", "sgd"] = Field("adam", description="adam, or sgd with momentum 0.9")
    trainable: Literal["all", "head"] = Field(
        "all", description="all: fine-tune everything; head: the last linear layer alone"
    )
    augment: bool = Field(False, description="random flips, shifts and brightness (photos)")

    @model_validator(mode="after")
    def _augment_all(self) -> Self:
        if self.augment and self.trainable == "head":
            raise WrongKey("augment", "needs 'trainable: all': the head learns from fixed features")
        return self
