"""Settings of classifiers and of their training."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    field_validator,
    model_validator,
)

from advlearn.settings.base import Settings, UserPath, WrongKey
from advlearn.support.errors import did_you_mean
from advlearn.support.own import registered

NETWORKS = {
    "mlp": "advlearn.learners.networks.mlp",
    "cnn": "advlearn.learners.networks.cnn",
}
"""Networks that `NetworkSettings` describes and the modules that build them."""

FURTHER_NETWORKS = {
    "resnet": "advlearn.learners.networks.resnet",
    "vit": "advlearn.learners.networks.vit",
    "resnet50": "advlearn.learners.networks.imagenet_resnet",
    "resnet101": "advlearn.learners.networks.imagenet_resnet",
}
"""Networks with settings of their own, and the modules that build them."""

SCALE_OF_PIXELS = {"input_mean": 0.0, "input_deviation": 1.0}
"""Keys of `NetworkSettings` for the scale of the input, with the values that leave pixels alone."""


class NetworkSettings(Settings):
    """Architecture of a classifier. The paper names none."""

    name: str = Field(
        "mlp",
        description="registered network: mlp or cnn, or an own one",
        # For the schema: the further ones have settings of their own.
        json_schema_extra={"not": {"enum": list(FURTHER_NETWORKS)}},
    )
    hidden: tuple[int, ...] = Field(
        (128,), description="widths of the fully connected hidden layers"
    )
    channels: tuple[int, ...] = Field(
        (16, 32), description="cnn only: channels of the 3x3 convolutions, each with stride 2"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the linear layers")
    input_mean: float = Field(
        0.0, description="the network sees (pixels - input_mean) / input_deviation"
    )
    input_deviation: float = Field(
        1.0,
        gt=0,
        description="attacks stay in pixels; standardised MNIST: 0.1307 and 0.3081; "
        "[-1, 1]: 0.5 and 0.5",
    )

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in NETWORKS:
            name = str(registered(name, "models"))
        if name not in NETWORKS and ":" not in name:
            known = ", ".join([*sorted(NETWORKS), "package.module:function"])
            hint = did_you_mean(name, NETWORKS)
            raise ValueError(f"unknown model {name!r}{hint}; use one of: {known}")
        return name

    @field_validator("hidden", "channels")
    @classmethod
    def _positive(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if any(width < 1 for width in widths):
            raise ValueError("widths are whole numbers of at least 1")
        return widths

    @model_validator(mode="after")
    def _own_networks_scale_themselves(self) -> Self:
        for key, value in SCALE_OF_PIXELS.items():
            if ":" in self.name and getattr(self, key) != value:
                raise WrongKey(
                    key, f"a network of your own sees pixels in [0, 1]: leave {key} at {value:g}"
                )
        return self


class ResnetSettings(Settings):
    """Small residual network for small images."""

    name: Literal["resnet"] = Field("resnet", description="which network")
    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (16, 32, 64), min_length=1, description="channels of the stages"
    )
    blocks: int = Field(1, ge=1, le=20, description="residual blocks of a stage")


class VitSettings(Settings):
    """Small vision transformer for small images."""

    name: Literal["vit"] = Field("vit", description="which network")
    patch: int = Field(
        8, ge=2, le=64, description="pixels between tokens along each side; a power of 2"
    )
    width: int = Field(64, ge=4, description="length of a token; a multiple of heads")
    depth: int = Field(2, ge=1, le=50, description="transformer blocks")
    heads: int = Field(4, ge=1, description="attention heads")

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.patch & (self.patch - 1):
            raise WrongKey("patch", "a power of 2")
        if self.width % self.heads:
            raise WrongKey("width", "a multiple of heads")
        return self


class ImagenetResnetSettings(Settings):
    """ResNet-50 or ResNet-101 of torchvision."""

    name: Literal["resnet50", "resnet101"] = Field(..., description="which network")
    weights: Literal["imagenet"] | UserPath | None = Field(
        "imagenet",
        description="imagenet: torchvision's V1 weights; a file of weights; null: random",
    )
    stride_in_1x1: bool = Field(
        False, description="the original variant, with the stride in the first 1x1 convolution"
    )


_TAGS = dict.fromkeys(NETWORKS, "plain") | {
    "resnet": "resnet",
    "vit": "vit",
    "resnet50": "imagenet",
    "resnet101": "imagenet",
}


def _tag(value: Any) -> str | None:
    name = value.get("name", "mlp") if isinstance(value, dict) else getattr(value, "name", None)
    if str(name) in _TAGS:
        return _TAGS[str(name)]
    return "plain" if ":" in str(registered(name, "models")) else None


AnyNetworkSettings = Annotated[
    Annotated[ResnetSettings, Tag("resnet")]
    | Annotated[VitSettings, Tag("vit")]
    | Annotated[ImagenetResnetSettings, Tag("imagenet")]
    | Annotated[NetworkSettings, Tag("plain")],
    Discriminator(
        _tag,
        custom_error_type="unknown_network",
        custom_error_message="unknown model; use one of: "
        + ", ".join([*sorted(_TAGS), "package.module:function"]),
        custom_error_context={"expected": ", ".join(map(repr, sorted(_TAGS)))},
    ),
]
"""Settings of any network; the key ``name`` says which (without one: mlp)."""


_ANY: TypeAdapter[AnyNetworkSettings] = TypeAdapter(AnyNetworkSettings)


def network_settings(value: object) -> AnyNetworkSettings:
    """Read the settings of any network from a mapping, as JSON holds them.

    Raises:
        ValueError: the network is unknown, or a key is unknown or has a wrong value.
    """
    return _ANY.validate_python(value)


class TrainingSettings(Settings):
    """How a classifier is trained on clean images. The paper gives none of these."""

    epochs: int = Field(2, ge=1, description="passes over the training split")
    batch_size: int = Field(128, ge=1, description="images a step")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate")
    optimiser: Literal["adam", "sgd"] = Field("adam", description="adam, or sgd with momentum 0.9")
    stop_at: float | None = Field(
        None,
        gt=0,
        le=1,
        description=(
            "training ends when clean accuracy on the validation images has reached it (looked at "
            "every 100 steps and after each epoch), at the latest after epochs; null: after epochs"
        ),
    )


class RetrainSettings(Settings):
    """How the selected adversarial images enter training (section VI of the paper)."""

    start: Literal["pretrained", "scratch"] = Field(
        "pretrained", description="weights to start from (the paper does not say)"
    )
    schedule: Literal["interleaved", "adversarial_only", "clean_then_adversarial", "mixed"] = Field(
        "interleaved",
        description=(
            "interleaved: a clean step, then an adversarial step while there are any; "
            "adversarial_only; clean_then_adversarial: an epoch each; mixed: one shuffled set"
        ),
    )
    crafting: Literal["static", "online"] = Field(
        "static",
        description=(
            "static: the images crafted against the pretrained model, as the paper did; "
            "online: the selected images are crafted anew against the model at each step"
        ),
    )
    online_steps: int = Field(
        7, ge=1, description="online crafting by pgd: steps, with step size 2.5 epsilon / steps"
    )
    epochs: int = Field(1, ge=1, description="passes over the selected images (the paper: 1)")
    clean_steps: int | None = Field(
        None,
        ge=1,
        description=(
            "clean steps before each adversarial one, and none after the last; mixed: clean images "
            "for each adversarial one; clean_then_adversarial: clean steps for each adversarial "
            "one, all of them first; null: an epoch of the clean images"
        ),
    )
    adversarial_steps: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description=(
            "adversarial steps, whatever the number of selected images, drawn epoch by epoch; "
            "mixed: as many adversarial images as fill these steps; null: follows their number"
        ),
    )
    share: float = Field(
        1.0, gt=0, le=1, description="share of the selected images that an epoch uses, at random"
    )
    further_clean_epochs: int = Field(
        0,
        ge=0,
        description=(
            "passes over the clean images after that, without adversarial ones (section VI trains "
            "on adversarial data for one iteration)"
        ),
    )
    batch_size: int = Field(128, ge=1, description="images a step")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate")
    optimiser: Literal["adam", "sgd"] = Field("adam", description="adam, or sgd with momentum 0.9")

    @model_validator(mode="after")
    def _steps_mean_something(self) -> Self:
        if self.clean_steps is not None and self.schedule == "adversarial_only":
            raise WrongKey(
                "clean_steps", "schedule adversarial_only has no clean steps: leave null"
            )
        if self.adversarial_steps is not None and self.share != 1:
            raise WrongKey(
                "share", "adversarial_steps says how many images are used: leave share at 1"
            )
        if self.adversarial_steps is not None and self.epochs != 1:
            raise WrongKey(
                "epochs", "adversarial_steps says how many passes there are: leave epochs at 1"
            )
        return self
