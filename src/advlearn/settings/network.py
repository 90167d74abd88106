"""Settings of classifiers and of their training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from advlearn.settings.base import Settings

NETWORKS = {
    "mlp": "advlearn.learners.networks.mlp",
    "cnn": "advlearn.learners.networks.cnn",
}
"""Registered networks and the modules that build them."""


class NetworkSettings(Settings):
    """Architecture of a classifier. The paper names none."""

    name: str = Field("mlp", description="registered network: mlp or cnn, or an own one")
    hidden: tuple[int, ...] = Field(
        (128,), description="widths of the fully connected hidden layers"
    )
    channels: tuple[int, ...] = Field(
        (16, 32), description="cnn only: channels of the 3x3 convolutions, each with stride 2"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout before the linear layers")

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in NETWORKS and ":" not in name:
            known = ", ".join([*sorted(NETWORKS), "package.module:function"])
            raise ValueError(f"unknown model {name!r}; use one of: {known}")
        return name

    @field_validator("hidden", "channels")
    @classmethod
    def _positive(cls, widths: tuple[int, ...]) -> tuple[int, ...]:
        if any(width < 1 for width in widths):
            raise ValueError("widths are whole numbers of at least 1")
        return widths


class TrainingSettings(Settings):
    """How a classifier is trained on clean images. The paper gives none of these."""

    epochs: int = Field(2, ge=1, description="passes over the training split")
    batch_size: int = Field(128, ge=1, description="images a step")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate")
    optimiser: Literal["adam", "sgd"] = Field("adam", description="adam, or sgd with momentum 0.9")


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
    batch_size: int = Field(128, ge=1, description="images a step")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate")
    optimiser: Literal["adam", "sgd"] = Field("adam", description="adam, or sgd with momentum 0.9")
