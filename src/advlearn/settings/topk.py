"""Settings of attacks that push labels out of the top k (T_kMIA, arXiv 2309.00007)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from advlearn.settings.base import Settings, WrongKey
from advlearn.settings.own import FUNCTION_SAYS, VALUES_SAY, OwnValues
from advlearn.support.errors import did_you_mean
from advlearn.support.own import FUNCTION, registered

Method = Literal[
    "tkmia",
    "tkml_ap_u",
    "kfool",
    "kfool_s",
    "ml_cw_u_a",
    "ml_cw_u_b",
    "ml_cw_u_c",
    "ml_cw_u_d",
    "projected",
]


METHODS: tuple[Method, ...] = (
    "tkmia",
    "tkml_ap_u",
    "kfool",
    "kfool_s",
    "ml_cw_u_a",
    "ml_cw_u_b",
    "ml_cw_u_c",
    "ml_cw_u_d",
    "projected",
)


Scheme = Literal["global", "random"]


ON_CPU = 64
"""Images in one pass on a CPU; a batch of scenes on a small CNN then fits into the cache."""


Surrogate = Literal["average", "exact", "hinge", "removal"]


Knowledge = Literal["truth", "inferred"]


Precision = Literal["float32", "tf32"]


class OwnTopkMethod(Settings):
    """A method of one's own: a loss or a step in an importable module (docs/own-attack.md)."""

    function: Annotated[str, BeforeValidator(partial(registered, kind="topk_methods"))] = Field(
        pattern=FUNCTION, description=FUNCTION_SAYS
    )
    settings: OwnValues = Field({}, description=VALUES_SAY)


class TopkAttackSettings(Settings):
    """One attack. `PRESETS` has the two presets; a method reads only what concerns it."""

    method: str = Field("tkmia", description="which attack: one of METHODS, or the name of own")
    own: OwnTopkMethod | None = Field(
        None, description="where the method is one's own, the loss that it descends or its step"
    )
    clean_map: Literal["tanh_raw", "arctanh"] = Field(
        "arctanh",
        description="arctanh: iteration starts at the image itself; tanh_raw: at the tanh of the"
        " image in [-1, 1], as in the authors' code",
    )
    keep: Literal["first", "min_norm"] = Field(
        "min_norm",
        description="first: stop at the first success; min_norm: continue, in a success towards the"
        " clean image, and keep the nearest success",
    )
    success: Literal["removed", "strict"] = Field(
        "removed",
        description="removed: no specified label in the top k; strict: and no measure below its"
        " clean value",
    )
    learning_rate: float = Field(
        0.05,
        gt=0,
        description="step of gradient descent (not kfool, kfool_s, projected); a step of one's own"
        " is given it",
    )
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
    gradients: Precision = Field(
        "float32",
        description="precision of the convolutions' backward pass on a GPU that has TF32; logits,"
        " and so success and norms, are those of float32 in either case",
    )
    surrogate: Surrogate = Field(
        "average",
        description="tkmia: average of the top k (the paper), exact order statistic, hinge at 0 on"
        " the exact order statistic, or removal: the exact condition that the specified labels are"
        " out, nothing of the others",
    )
    radii: tuple[float, ...] = Field(
        (0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
        min_length=1,
        description="projected: l2 radii in [0, 1] pixels, tried from the smallest; they share the"
        " iterations",
    )
    travel: float = Field(
        2.5, gt=0, description="projected: length of all steps of a radius together, in radii"
    )
    largest_step: float | None = Field(
        1.0,
        gt=0,
        description="kfool, kfool_s: longest step, as a Euclidean length before the tanh; null:"
        " none, as in the authors' code",
    )
    overshoot: float = Field(
        0.02,
        ge=0,
        le=1,
        description="kfool, kfool_s: share by which the perturbation goes beyond the linearised"
        " boundary, as in DeepFool; without it success is decided by rounding",
    )

    @field_validator("radii")
    @classmethod
    def _growing(cls, radii: tuple[float, ...]) -> tuple[float, ...]:
        if any(radius <= 0 for radius in radii) or list(radii) != sorted(set(radii)):
            raise ValueError("radii grow, and are above 0")
        return radii

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.own is None and self.method not in METHODS:
            hint = did_you_mean(self.method, METHODS)
            raise WrongKey(
                "method", f"unknown method {self.method!r}{hint}; known: {', '.join(METHODS)}"
            )
        if self.own is not None and self.method in METHODS:
            raise WrongKey("method", f"the name {self.method!r} is taken")
        return self


_AUTHORS = {
    "normalise": False,
    "learning_rate": 5e-4,
    "iterations": 300,
    "alpha": 1e-4,
    "largest_step": None,
    "overshoot": 0.0,
}
"""The budget of T_kMIA in most of the authors' commands, and the steps of their kFool."""


def authors(method: str, **changes: Any) -> TopkAttackSettings:
    """The published algorithm as its code has it."""
    values = {"clean_map": "tanh_raw", "keep": "first", **_AUTHORS, **changes}
    return TopkAttackSettings.model_validate({"method": method, **values})


def sound(method: str, **changes: Any) -> TopkAttackSettings:
    """Starts at the image, keeps the nearest success, one budget for all methods."""
    return TopkAttackSettings.model_validate({"method": method, **changes})


PRESETS = {"authors": authors, "sound": sound}
