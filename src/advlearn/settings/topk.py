"""Settings of study 2: attacks that push labels out of the top k (T_kMIA, arXiv 2309.00007)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from advlearn.settings.base import Settings
from advlearn.settings.data import SourceSettings
from advlearn.settings.network import AnyNetworkSettings

Method = Literal["tkmia", "tkml_ap_u", "kfool", "ml_cw_u_a", "ml_cw_u_b", "ml_cw_u_c", "projected"]
METHODS: tuple[Method, ...] = (
    "tkmia",
    "tkml_ap_u",
    "kfool",
    "ml_cw_u_a",
    "ml_cw_u_b",
    "ml_cw_u_c",
    "projected",
)
Scheme = Literal["global", "random"]
Surrogate = Literal["average", "exact", "hinge"]
Knowledge = Literal["truth", "inferred"]


class ScenesSettings(Settings):
    """Scenes composed of the digits (or other images) of the run's own data set."""

    name: Literal["scenes"] = Field("scenes", description="scenes of the run's own images")
    canvas: int = Field(64, ge=8, le=512, description="side of a scene in pixels")
    side: tuple[int, int] = Field(
        (16, 24), description="smallest and largest side of a pasted image in pixels"
    )
    labels: tuple[int, int] = Field(
        (3, 9), description="fewest and most different classes in a scene, all equally likely"
    )
    train_images: int = Field(20_000, ge=1, description="scenes to train on")
    validation_images: int = Field(2_000, ge=1, description="scenes for every choice")
    test_images: int = Field(10_000, ge=1, description="scenes to attack")
    seed: int = Field(0, ge=0, description="decides the scenes; the same for all run seeds")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 1 <= self.labels[0] <= self.labels[1]:
            raise ValueError("labels: fewest and most, both at least 1")
        if not 2 <= self.side[0] <= self.side[1] <= self.canvas:
            raise ValueError("side: smallest and largest, at least 2 and at most the canvas")
        return self


N_LABELS = {"voc2012": 20, "coco2014": 80, "nuswide": 81}
"""Number of labels of the known sets of photos."""


class PhotosOptions(Settings):
    """How photos of a public data set are found, cut and split."""

    root: Path | None = Field(
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
    split_seed: int = Field(0, ge=0, description="decides which photos are set aside")


class PhotosSettings(PhotosOptions):
    """Photos of a public data set, read from the user's copy or downloaded."""

    name: Literal["voc2012", "coco2014", "nuswide"] = Field(..., description="which data set")


TopkDataSettings = Annotated[ScenesSettings | PhotosSettings, Field(discriminator="name")]


class TopkDataJob(Settings):
    """What the stage topk_data is told."""

    data: TopkDataSettings = Field(..., description="which data set")
    sources: SourceSettings = Field(
        SourceSettings(), description="where the archives of photos may come from"
    )


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
            raise ValueError("augment needs 'trainable: all': the head learns from fixed features")
        return self


class TopkModelSettings(Settings):
    """A network and its training."""

    network: AnyNetworkSettings = Field(..., description="architecture of the classifier")
    training: MultiLabelTraining = Field(
        MultiLabelTraining(), description="how it is trained on the training split"
    )


class TopkAttackSettings(Settings):
    """One attack. `PRESETS` has the two presets; a method reads only what concerns it."""

    method: Method = Field("tkmia", description="which attack")
    clean_map: Literal["tanh_raw", "arctanh"] = Field(
        "arctanh",
        description="arctanh: iteration starts at the image itself; tanh_raw: at the tanh of the"
        " image in [-1, 1], as in the authors' code",
    )
    keep: Literal["first", "min_norm"] = Field(
        "min_norm",
        description="first: stop at the first success; min_norm: go on, in a success towards the"
        " clean image, and keep the nearest success",
    )
    success: Literal["removed", "strict"] = Field(
        "removed",
        description="removed: no specified label in the top k; strict: and no measure below its"
        " clean value",
    )
    learning_rate: float = Field(0.05, gt=0, description="step of gradient descent (not kfool)")
    normalise: bool = Field(
        True,
        description="divide the gradient of the loss by its length, so that one learning rate"
        " serves losses and networks whose gradients differ in size; the authors' code does not",
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="momentum of gradient descent")
    alpha: float = Field(
        1e-4, ge=0, description="weight of half the squared norm (the authors' weight decay)"
    )
    iterations: int = Field(100, ge=1, le=100_000, description="gradient steps")
    surrogate: Surrogate = Field(
        "average",
        description="tkmia: average of the top k (the paper), exact order statistic, or hinge at 0"
        " on the exact order statistic",
    )
    radii: tuple[float, ...] = Field(
        (0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
        min_length=1,
        description="projected: l2 radii in [0, 1] pixels, tried from the smallest; they share the"
        " iterations",
    )

    @field_validator("radii")
    @classmethod
    def _growing(cls, radii: tuple[float, ...]) -> tuple[float, ...]:
        if any(radius <= 0 for radius in radii) or list(radii) != sorted(set(radii)):
            raise ValueError("radii grow, and are above 0")
        return radii


class TopkCell(Settings):
    """One line of the result: a method on one choice of labels, k and knowledge."""

    experiment: str = Field(..., description="whose tables the cell belongs to")
    scheme: Scheme
    labels: str = Field(..., description="name of the label set; 'random' for the random scheme")
    specified: tuple[int, ...] = Field((), description="global: indices of the label set")
    n_specified: int = Field(..., ge=1, description="|S|: size of the set, or labels an image")
    k: int = Field(..., ge=1)
    attack: TopkAttackSettings
    knowledge: Knowledge = "truth"
    hidden: float = Field(
        0.0, ge=0, lt=1, description="share of the labels the attacker cannot see"
    )


class TopkAttackJob(Settings):
    """What one job of topk_attack is told: cells on one model."""

    cells: tuple[TopkCell, ...] = Field(..., min_length=1)
    images: int = Field(..., ge=1, description="first eligible test images of each cell")
    keep_images: bool = Field(False, description="write the perturbed images down")
    batch_size: int = Field(..., ge=1)


_AUTHORS = {"normalise": False, "learning_rate": 5e-4, "iterations": 300, "alpha": 1e-4}
"""The budget of T_kMIA in most of the authors' commands."""


def authors(method: Method, **changes: object) -> TopkAttackSettings:
    """The published algorithm as its code has it."""
    values = {"clean_map": "tanh_raw", "keep": "first", **_AUTHORS, **changes}
    return TopkAttackSettings.model_validate({"method": method, **values})


def sound(method: Method, **changes: object) -> TopkAttackSettings:
    """Starts at the image, keeps the nearest success, one budget for all methods."""
    return TopkAttackSettings.model_validate({"method": method, **changes})


PRESETS = {"authors": authors, "sound": sound}


class TopkTransferJob(Settings):
    """What topk_transfer is told: every model sees the images made for every other."""

    models: tuple[str, ...] = Field(..., min_length=1)
    methods: tuple[Method, ...] = Field(..., min_length=1)
    clean_map: Literal["tanh_raw", "arctanh"] = "arctanh"
    k: int = Field(..., ge=1)
    n_specified: int = Field(..., ge=1)


class CollectedAttack(Settings):
    """One job of topk_attack, for every seed."""

    model: str
    job: str
    cells: tuple[TopkCell, ...]


class TopkCollectSettings(Settings):
    """The jobs whose results topk_collect gathers; ``study`` is what the report quotes."""

    run: str
    seeds: tuple[int, ...] = Field(..., min_length=1)
    models: tuple[str, ...] = Field(..., min_length=1)
    primary: str
    preset: str
    attacks: tuple[CollectedAttack, ...] = Field(..., min_length=1)
    examples: int = Field(..., ge=1)
    study: dict[str, Any]
