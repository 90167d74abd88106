"""Settings of classifiers and of their training."""

from __future__ import annotations

from pathlib import Path
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
from advlearn.support.errors import UserError, did_you_mean
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
    "vit_b_16": "advlearn.learners.networks.torchvision_networks",
    "vit_b_32": "advlearn.learners.networks.torchvision_networks",
    "convnext_tiny": "advlearn.learners.networks.torchvision_networks",
    "mobilenet_v3_small": "advlearn.learners.networks.torchvision_networks",
    "mobilenet_v3_large": "advlearn.learners.networks.torchvision_networks",
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


_PATCHES = {"vit_b_16": 16, "vit_b_32": 32}
"""Pixels between the tokens of torchvision's vision transformers."""

SMALLEST_SIDE = 32
"""Pixels of a side that torchvision's other networks halve five times."""


class TorchvisionSettings(Settings):
    """Vision transformer, ConvNeXt or MobileNet of torchvision."""

    name: Literal[
        "vit_b_16", "vit_b_32", "convnext_tiny", "mobilenet_v3_small", "mobilenet_v3_large"
    ] = Field(..., description="which network")
    weights: UserPath | None = Field(
        None,
        description="a file of weights with torchvision's names of the tensors, .pth or"
        " .safetensors; null: random; nothing is downloaded",
    )
    input_size: int | None = Field(
        None,
        ge=SMALLEST_SIDE,
        le=1024,
        description="side of the square that images are resized to inside the network, so that"
        " budgets stay in pixels of the image; null: 224 for vit_b_16 and vit_b_32, else the"
        " image's own",
    )

    @field_validator("weights")
    @classmethod
    def _is_a_file(cls, weights: Path | None) -> Path | None:
        if weights == Path("imagenet"):
            raise ValueError(
                "weights of ImageNet are fetched for resnet50 and resnet101 alone: give the path of"
                " a file of yours"
            )
        return weights

    @model_validator(mode="after")
    def _whole_patches(self) -> Self:
        if self.patch and self.input_size and self.input_size % self.patch:
            raise WrongKey("input_size", f"a multiple of {self.patch}, the patches of {self.name}")
        return self

    @property
    def patch(self) -> int | None:
        """Pixels between the tokens of a vision transformer; none of other networks."""
        return _PATCHES.get(self.name)

    @property
    def side(self) -> int | None:
        """Side of the square that the network sees; none: the image's own."""
        return self.input_size or (224 if self.patch else None)

    def check_side(self, side: int, key: str) -> None:
        """Refuse images that are too small for a network without a size of its own.

        Args:
            side: the shorter side of the images, in pixels.
            key: of the network in the configuration.

        Raises:
            UserError: nothing would be left after the network's halvings.
        """
        if self.side is None and side < SMALLEST_SIDE:
            raise UserError(
                f"images of {side} pixels a side are too small for {self.name}",
                where=f"configuration key '{key}.input_size', value null",
                remedy=f"set it to at least {SMALLEST_SIDE}: images are resized in the network",
            )


_TAGS = dict.fromkeys(NETWORKS, "plain") | {
    "resnet": "resnet",
    "vit": "vit",
    "resnet50": "imagenet",
    "resnet101": "imagenet",
    "vit_b_16": "torchvision",
    "vit_b_32": "torchvision",
    "convnext_tiny": "torchvision",
    "mobilenet_v3_small": "torchvision",
    "mobilenet_v3_large": "torchvision",
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
    | Annotated[TorchvisionSettings, Tag("torchvision")]
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
