"""Settings of the attacks on images; the key ``name`` says which attack they belong to.

FGSM and PGD have a radius and are what study 1 trains with. APGD, FAB and Square Attack have one,
too; they judge networks: study 1's strong evaluation runs them, and no configuration names them.
Carlini and Wagner's attack and DeepFool look for the shortest perturbation and have no radius.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod, sqrt
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from advlearn.settings.base import Settings, WrongKey, plain_values, validation_error
from advlearn.settings.data import ImageFacts
from advlearn.support.errors import UserError, told_apart, unknown_name
from advlearn.support.own import FUNCTION, registered

Norm = Literal["linf", "l2"]
Ball = Literal["image", "iterate"]
DeviationName = Literal["cross_entropy", "dlr", "negative_margin"]

ApgdDeviationName = Literal["cross_entropy", "dlr", "negative_margin", "targeted_dlr"]

DLR_CLASSES = 3
"""Classes that the difference-of-logits ratio needs at least."""

TARGETED_DLR_CLASSES = 4
"""Classes that the targeted difference-of-logits ratio needs at least."""

ATTACK_NAMES: tuple[str, ...] = ("fgsm", "pgd")
"""Attacks that a configuration may name: networks are trained with them."""

EVALUATION_ATTACKS: tuple[str, ...] = ("apgd", "fab", "square")
"""Attacks with a radius that judge networks; no configuration names them."""


def check_radius(epsilon: float, norm: Norm, n_pixels: int | None = None) -> str:
    """Why a radius is larger than the box that pixels are in, [0, 1]; empty where it is not.

    Args:
        epsilon: the radius.
        norm: its norm.
        n_pixels: numbers in an image, on which the largest Euclidean distance depends; none where
            they are not known.
    """
    most = 1.0 if norm == "linf" else None if n_pixels is None else sqrt(n_pixels)
    if most is None or epsilon <= most:
        return ""
    value, bound = told_apart(epsilon, most)
    steps = f"; {value} of 255 steps are {epsilon / 255:.4g}" if norm == "linf" else ""
    return (
        f"the radius {value} is larger than any distance of two images, {bound} in {norm}: pixels"
        f" are in [0, 1]{steps}"
    )


def check_attack(settings: FgsmSettings | PgdSettings, images: ImageFacts, where: str) -> None:
    """Refuse an attack that the run's images do not allow.

    Args:
        settings: the attack.
        images: what is known of the images.
        where: key of the attack, for messages, with an open quotation mark.

    Raises:
        UserError: the radius is larger than any distance of two images, or the deviation needs
            more classes.
    """
    wrong = check_radius(settings.epsilon, settings.norm, prod(images.shape))
    if wrong:
        raise UserError(wrong, where=f"{where}.epsilon'", remedy="lower it")
    if getattr(settings, "deviation", "") == "dlr" and images.n_classes < DLR_CLASSES:
        raise UserError(
            f"the difference-of-logits ratio needs at least {DLR_CLASSES} classes, the images have"
            f" {images.n_classes}",
            where=f"{where}.deviation', value 'dlr'",
            remedy="use 'cross_entropy' or 'negative_margin'",
        )


class FgsmSettings(Settings):
    """Fast gradient (sign) method: one step of the whole radius (Goodfellow et al. 2015)."""

    name: Literal["fgsm"] = Field(default="fgsm", description="Which attack these settings are of.")
    epsilon: float = Field(
        default=0.3,
        ge=0,
        description="Radius of the perturbation ball; pixels are in [0, 1].",
    )
    norm: Norm = Field(default="linf", description="Norm of the perturbation ball.")
    clip: bool = Field(
        default=True, description="Adversarial images are cut to [0, 1]; false: they are not."
    )
    labels: Literal["true", "predicted"] = Field(
        default="true",
        description="Whose loss the step raises: that of the true label, or of the class that the"
        " network predicts for the image.",
    )

    @model_validator(mode="after")
    def _within_the_box(self) -> Self:
        _check_epsilon(self)
        return self


class PgdSettings(Settings):
    """Projected gradient ascent (Madry et al. 2018)."""

    name: Literal["pgd"] = Field(default="pgd", description="Which attack these settings are of.")
    epsilon: float = Field(
        default=0.3,
        ge=0,
        description="Radius of the perturbation ball; pixels are in [0, 1].",
    )
    norm: Norm = Field(default="linf", description="Norm of the perturbation ball.")
    clip: bool = Field(
        default=True, description="Adversarial images are cut to [0, 1]; false: they are not."
    )
    ball: Ball = Field(
        default="image",
        description="Centre of the ball that steps are projected on: the image, or the current"
        " iterate, which bounds each step and not their sum.",
    )
    steps: int = Field(default=20, ge=1, le=100_000, description="Gradient steps of each restart.")
    step_size: float | None = Field(
        default=None,
        gt=0,
        description="Length of a step; null means 2.5 * epsilon / steps, with which more steps are"
        " shorter and find little more: a usual attack, no verdict (docs/own-attack.md).",
    )
    random_start: bool = Field(
        default=True,
        description="Begin at a random point of the ball, else at the image.",
    )
    restarts: int = Field(
        default=1, ge=1, le=1000, description="Independent runs; more than one needs random starts."
    )
    deviation: DeviationName = Field(
        default="cross_entropy", description="What the attack makes as large as it can."
    )

    @model_validator(mode="after")
    def _within_the_box(self) -> Self:
        _check_epsilon(self)
        return self

    @model_validator(mode="after")
    def _restarts_differ(self) -> Self:
        if self.restarts > 1 and not self.random_start:
            raise WrongKey("restarts", "more than one needs random_start: true, else all are equal")
        return self

    @property
    def resolved_step_size(self) -> float:
        """The length of a step: ``step_size``, or 2.5 * epsilon / steps where that is not given.

        2.5 times is the rule of Madry et al. (2018): the iterate can reach the border of the ball
        from any start and still move along it.
        """
        return 2.5 * self.epsilon / self.steps if self.step_size is None else self.step_size


class OwnAttackSettings(PgdSettings):
    """Projected ascent along a direction of one's own (docs/own-attack.md)."""

    # Whoever asks for the settings of PGD gets those of an attack that differs in one point.
    name: str = Field(  # type: ignore[assignment]
        pattern=FUNCTION,
        description="package.module:function, which returns the step rule, or a name that an"
        " installed package registers.",
    )
    settings: Annotated[dict[str, Any], BeforeValidator(plain_values)] = Field(
        default={}, description="Handed to the function."
    )


class ApgdSettings(Settings):
    """Auto-PGD (Croce and Hein 2020): projected ascent that chooses the length of its steps."""

    name: Literal["apgd"] = Field(default="apgd", description="Which attack these settings are of.")
    epsilon: float = Field(
        default=0.3,
        ge=0,
        description="Radius of the perturbation ball; pixels are in [0, 1].",
    )
    norm: Norm = Field(default="linf", description="Norm of the perturbation ball.")
    steps: int = Field(default=100, ge=1, le=100_000, description="Gradient steps of each run.")
    restarts: int = Field(
        default=1, ge=1, le=1000, description="Independent runs; with targets, for each of them."
    )
    deviation: ApgdDeviationName = Field(
        default="cross_entropy",
        description="What the attack makes as large as it can. targeted_dlr: the difference-of-"
        "logits ratio towards one class after the other; it needs four classes.",
    )
    targets: int | None = Field(
        default=9,
        ge=1,
        description="Of targeted_dlr: most classes that are aimed at, those with the largest clean"
        " logits first; null means all but the label.",
    )

    @model_validator(mode="after")
    def _within_the_box(self) -> Self:
        _check_epsilon(self)
        return self


class FabSettings(Settings):
    """FAB (Croce and Hein 2020), targeted: the nearest adversarial image, judged at a radius."""

    name: Literal["fab"] = Field(default="fab", description="Which attack these settings are of.")
    epsilon: float = Field(
        default=0.3,
        ge=0,
        description="Radius of the perturbation ball; pixels are in [0, 1].",
    )
    norm: Norm = Field(default="linf", description="Norm of the perturbation ball.")
    steps: int = Field(
        default=100, ge=1, le=100_000, description="Linearisations of the network in each run."
    )
    restarts: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="Runs for each target; the first begins at the image, others at random.",
    )
    targets: int | None = Field(
        default=9,
        ge=1,
        description="Most classes that are aimed at, those with the largest clean logits first;"
        " null means all but the label.",
    )

    @model_validator(mode="after")
    def _within_the_box(self) -> Self:
        _check_epsilon(self)
        return self


class SquareSettings(Settings):
    """Square Attack (Andriushchenko et al. 2020): random search with patches, no gradient."""

    name: Literal["square"] = Field(
        default="square", description="Which attack these settings are of."
    )
    epsilon: float = Field(
        default=0.3,
        ge=0,
        description="Radius of the perturbation ball; pixels are in [0, 1].",
    )
    norm: Norm = Field(default="linf", description="Norm of the perturbation ball.")
    queries: int = Field(
        default=5000, ge=1, le=1_000_000, description="Changes that each run tries."
    )
    restarts: int = Field(default=1, ge=1, le=1000, description="Independent runs.")
    share: float = Field(
        default=0.8, gt=0, le=1, description="Share of an image's pixels in the first patches."
    )

    @model_validator(mode="after")
    def _within_the_box(self) -> Self:
        _check_epsilon(self)
        return self


EvaluationSettings = FgsmSettings | PgdSettings | ApgdSettings | FabSettings | SquareSettings
"""Settings of any attack with a radius: what networks are judged with."""


def _check_epsilon(settings: EvaluationSettings) -> None:
    wrong = check_radius(settings.epsilon, settings.norm)
    if wrong:
        raise WrongKey("epsilon", wrong)


class CwSettings(Settings):
    """Carlini and Wagner's L2 attack (2017): penalty, tanh variable, search for the constant."""

    name: Literal["cw"] = Field(default="cw", description="Which attack these settings are of.")
    steps: int = Field(
        default=1000, ge=1, le=100_000, description="Adam steps for each constant of the search."
    )
    step_size: float = Field(default=0.01, gt=0, description="Learning rate of Adam.")
    confidence: float = Field(
        default=0.0, ge=0, description="By how much another logit must exceed the label's."
    )
    initial_const: float = Field(
        default=1e-3, gt=0, description="First weight of the logits against the squared length."
    )
    binary_search_steps: int = Field(
        default=9, ge=1, le=100, description="Constants that are tried for each image."
    )
    abort_early: bool = Field(
        default=True,
        description="End the steps of an image whose loss fell by under 0.01 % in a tenth of them.",
    )


class DeepFoolSettings(Settings):
    """DeepFool (Moosavi-Dezfooli et al. 2016): to the nearest linearised boundary, repeatedly."""

    name: Literal["deepfool"] = Field(
        default="deepfool", description="Which attack these settings are of."
    )
    norm: Norm = Field(default="l2", description="Norm in which the perturbation is short.")
    steps: int = Field(default=50, ge=1, le=100_000, description="Most linearisations.")
    candidates: int = Field(
        default=10, ge=2, description="Classes with the largest clean logits that are looked at."
    )
    overshoot: float = Field(
        default=0.02, ge=0, description="Share by which the perturbation goes past the boundary."
    )


LIBRARY_ATTACKS: tuple[str, ...] = ("cw", "deepfool")
"""Attacks without a radius: modules of :mod:`advlearn.attacks` that no configuration names."""


def _trains(values: Any) -> Any:
    name = values.get("name") if isinstance(values, Mapping) else None
    if name in EVALUATION_ATTACKS:
        raise ValueError(
            f"attack {name!r} judges networks and does not train them, which study 1 needs: use one"
            f" of {str(ATTACK_NAMES)[1:-1]}; from Python it is advlearn.attacks.{name}"
            " (docs/own-attack.md)"
        )
    if name in LIBRARY_ATTACKS:
        raise ValueError(
            f"attack {name!r} looks for the shortest perturbation and has no radius, at which"
            f" study 1 compares models: use one of {str(ATTACK_NAMES)[1:-1]}; from Python it is"
            f" advlearn.attacks.{name} (docs/own-attack.md)"
        )
    if isinstance(values, Mapping) and name not in ATTACK_NAMES:
        found = registered(name, "attacks")
        return values if found == name else {**values, "name": found}
    return values


OWN = "package.module:function"
"""What stands for the name of an attack of one's own."""


def name(values: Any) -> Any:
    """By which key ``name`` says whose settings these are."""
    given = values.get("name") if isinstance(values, Mapping) else getattr(values, "name", None)
    return OWN if isinstance(given, str) and ":" in given else given


AttackSettings = Annotated[
    Annotated[FgsmSettings, Tag("fgsm")]
    | Annotated[PgdSettings, Tag("pgd")]
    | Annotated[OwnAttackSettings, Tag(OWN)],
    Discriminator(name),
    BeforeValidator(_trains),
]

_ADAPTER: TypeAdapter[FgsmSettings | PgdSettings] = TypeAdapter(AttackSettings)


def attack_from_json(text: str) -> FgsmSettings | PgdSettings:
    """Read the settings of the attack that the key ``name`` says.

    Raises:
        UserError: no JSON, an unknown attack, an unknown key or a wrong value.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            if item["type"] == "union_tag_invalid":
                name = str(item.get("ctx", {}).get("tag", ""))
                raise unknown_name(
                    "attack", name, list(ATTACK_NAMES), where=f"key 'name', value {name!r}"
                ) from error
        raise validation_error(error, where="settings of an attack", model=PgdSettings) from error
