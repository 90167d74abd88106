"""Attacks on classifiers of images: ``attack(model, inputs, labels) -> AttackResult``.

All have one interface. Those with a radius ``epsilon`` make the loss large within it; Carlini and
Wagner's and DeepFool look for the shortest perturbation. Inputs are in [0, 1]. FAB, which does
both, is in :mod:`advlearn.api.fab`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeVar

from pydantic import ValidationError
from torch import Tensor, nn

from advlearn import attacks
from advlearn.api.arrays import classes, given, predictions
from advlearn.api.results import AttackResult
from advlearn.api.targeted import by_target, check_targets
from advlearn.attacks import cw, deepfool
from advlearn.attacks.ascent import ProjectedAscent, check_inputs
from advlearn.budgets import L2Ball, LinfBall
from advlearn.problem.evasion import frozen
from advlearn.settings.attack import (
    ApgdDeviationName,
    ApgdSettings,
    Ball,
    CwSettings,
    DeepFoolSettings,
    DeviationName,
    EvaluationSettings,
    FgsmSettings,
    Norm,
    PgdSettings,
    SquareSettings,
)
from advlearn.settings.base import Settings, WrongKey, objection
from advlearn.support.errors import UserError

_BALLS = {"linf": LinfBall, "l2": L2Ball}
_Settings = TypeVar("_Settings", bound=Settings)


class Solver(Protocol):
    """What moves images: (n, ...) on the network's device, of its type, checked."""

    def run(self, model: nn.Module, images: Tensor, labels: Tensor, seed: int) -> Tensor:
        """Adversarial images like ``images``."""
        ...


class ImageAttack(ABC):
    """An attack on each input for itself. What a batch holds besides changes nothing but speed."""

    norm: Norm

    def __post_init__(self) -> None:
        """Builds the solver once: a parameter out of its range is refused at once."""
        self.solver()

    def __call__(
        self, model: nn.Module, inputs: Any, labels: Any, *, targets: Any = None, seed: int = 0
    ) -> AttackResult:
        """Attack ``model``.

        It is in evaluation mode meanwhile, and afterwards as it was; nothing is written into the
        arrays. The same arguments give the same result.

        Args:
            model: network (n, ...) -> logits (n, classes).
            inputs: (n, ...) in [0, 1], numpy or torch, of the floating type of the network's
                weights; tensors are on the network's device.
            labels: (n,) whole numbers, the true classes.
            targets: (n,) whole numbers: the class that each input is sent to; None: any but the
                label.
            seed: decides all that is random.

        Raises:
            UserError: arrays that do not fit, or a network whose logits or gradients are not
                finite.
        """
        batch = given(model, inputs)
        wanted = None if targets is None else classes(targets, batch.images, "targets")
        images, truth = batch.images, classes(labels, batch.images, "labels")
        ball = _BALLS[self.norm](1.0)
        check_inputs(ball, images, truth)
        with frozen(model):
            before = predictions(model, images)
            if wanted is None:
                found = self._untargeted(model, images, truth, seed)
            else:
                check_targets(model, images, wanted)
                found = self._targeted(model, images, wanted, seed)
            after = predictions(model, found)
        attacked = before == truth if wanted is None else before != wanted
        success = after != truth if wanted is None else after == wanted
        distance = ball.distance(images, found)
        return AttackResult(
            batch.back(found),
            batch.back(success),
            batch.back(attacked),
            batch.back(distance),
            self.norm,
        )

    @abstractmethod
    def solver(self, *, targeted: bool = False) -> Solver:
        """What the library's engine runs.

        Raises:
            UserError: a parameter out of its range.
        """

    def _untargeted(self, model: nn.Module, images: Tensor, labels: Tensor, seed: int) -> Tensor:
        return self.solver().run(model, images, labels, seed)

    def _targeted(self, model: nn.Module, images: Tensor, targets: Tensor, seed: int) -> Tensor:
        solver = self.solver(targeted=True)
        return by_target(solver.run, model, images, targets, seed)


class BoundedAttack(ImageAttack):
    """An attack within a radius, by which networks can also be judged (``robust_accuracy``)."""

    epsilon: float

    @abstractmethod
    def settings(self) -> EvaluationSettings:
        """The attack as the library's floors below know it.

        Raises:
            UserError: a parameter out of its range.
        """

    def solver(self, *, targeted: bool = False) -> Solver:
        """As in :class:`ImageAttack`."""
        return attacks.build(self.settings())


class _Ascent(BoundedAttack):
    """Towards a target it goes down the deviation of the target, as far as the budget allows."""

    def _targeted(self, model: nn.Module, images: Tensor, targets: Tensor, seed: int) -> Tensor:
        solver = self.solver()
        assert isinstance(solver, ProjectedAscent)
        climbed = solver.deviation

        def descended(logits: Tensor, goals: Tensor) -> Tensor:
            return -climbed(logits, goals)

        return replace(solver, deviation=descended).run(model, images, targets, seed)


@dataclass(frozen=True)
class FGSM(_Ascent):
    """Fast gradient (sign) method: one step of the whole radius (Goodfellow et al. 2015).

    Args:
        epsilon: radius; inputs are in [0, 1].
        norm: linf or l2.
        clip: cut adversarial inputs to [0, 1].
        labels: whose loss the step raises: the true label's, or the predicted class's.
    """

    epsilon: float
    norm: Norm = "linf"
    clip: bool = True
    labels: Literal["true", "predicted"] = "true"

    def settings(self) -> FgsmSettings:
        """As in :class:`BoundedAttack`."""
        return checked(
            FgsmSettings,
            self,
            epsilon=self.epsilon,
            norm=self.norm,
            clip=self.clip,
            labels=self.labels,
        )


@dataclass(frozen=True)
class PGD(_Ascent):
    """Projected gradient ascent (Madry et al. 2018); the last iterate is the answer.

    Args:
        epsilon: radius; inputs are in [0, 1].
        norm: linf or l2.
        steps: gradient steps of each run.
        step_size: length of a step; None: 2.5 epsilon / steps.
        random_start: begin at a random point of the ball.
        restarts: independent runs; the one with the largest deviation is kept.
        deviation: what is climbed: cross_entropy, dlr or negative_margin.
        clip: cut adversarial inputs to [0, 1].
        ball: what the ball is round when a step is projected: the input ("image") or the current
            iterate, which bounds each step and not their sum.
    """

    epsilon: float
    norm: Norm = "linf"
    steps: int = 20
    step_size: float | None = None
    random_start: bool = True
    restarts: int = 1
    deviation: DeviationName = "cross_entropy"
    clip: bool = True
    ball: Ball = "image"

    def settings(self) -> PgdSettings:
        """As in :class:`BoundedAttack`."""
        return checked(
            PgdSettings,
            self,
            epsilon=self.epsilon,
            norm=self.norm,
            steps=self.steps,
            step_size=self.step_size,
            random_start=self.random_start,
            restarts=self.restarts,
            deviation=self.deviation,
            clip=self.clip,
            ball=self.ball,
        )


@dataclass(frozen=True)
class APGD(BoundedAttack):
    """Auto-PGD (Croce and Hein 2020): chooses its steps and keeps the best point.

    Towards a target given in the call it climbs the margin of the target.

    Args:
        epsilon: radius; inputs are in [0, 1].
        norm: linf or l2.
        steps: gradient steps of each run.
        restarts: independent runs.
        deviation: what is climbed: cross_entropy, dlr, negative_margin, or targeted_dlr, which
            aims at one other class after the other.
        n_targets: of targeted_dlr: most classes that are aimed at; None: all.
    """

    epsilon: float
    norm: Norm = "linf"
    steps: int = 100
    restarts: int = 1
    deviation: ApgdDeviationName = "cross_entropy"
    n_targets: int | None = 9

    def settings(self) -> ApgdSettings:
        """As in :class:`BoundedAttack`."""
        return checked(
            ApgdSettings,
            self,
            epsilon=self.epsilon,
            norm=self.norm,
            steps=self.steps,
            restarts=self.restarts,
            deviation=self.deviation,
            targets=self.n_targets,
        )

    def solver(self, *, targeted: bool = False) -> Solver:
        """As in :class:`ImageAttack`."""
        settings = self.settings()
        if targeted:
            settings = settings.model_copy(update={"deviation": "negative_margin"})
        return attacks.build(settings)


@dataclass(frozen=True)
class Square(BoundedAttack):
    """Square Attack (Andriushchenko et al. 2020): random search, sees logits only.

    Args:
        epsilon: radius; inputs are images (n, channels, height, width) in [0, 1].
        norm: linf or l2.
        queries: changes that each run tries.
        restarts: independent runs.
        share: share of an image's pixels in the first patches.
    """

    epsilon: float
    norm: Norm = "linf"
    queries: int = 5000
    restarts: int = 1
    share: float = 0.8

    def settings(self) -> SquareSettings:
        """As in :class:`BoundedAttack`."""
        return checked(
            SquareSettings,
            self,
            epsilon=self.epsilon,
            norm=self.norm,
            queries=self.queries,
            restarts=self.restarts,
            share=self.share,
        )


@dataclass(frozen=True)
class CarliniWagner(ImageAttack):
    """Carlini and Wagner's attack (2017): the shortest perturbation in l2.

    Args:
        steps: Adam steps for each constant of the search.
        step_size: learning rate.
        confidence: by how much another logit must exceed the label's.
        initial_const: first weight of the logits against the squared length.
        binary_search_steps: constants that are tried.
        abort_early: end the steps of an input that makes no progress.
    """

    steps: int = 1000
    step_size: float = 0.01
    confidence: float = 0.0
    initial_const: float = 1e-3
    binary_search_steps: int = 9
    abort_early: bool = True

    norm = "l2"

    def solver(self, *, targeted: bool = False) -> Solver:
        """As in :class:`ImageAttack`."""
        return cw.build(
            checked(
                CwSettings,
                self,
                steps=self.steps,
                step_size=self.step_size,
                confidence=self.confidence,
                initial_const=self.initial_const,
                binary_search_steps=self.binary_search_steps,
                abort_early=self.abort_early,
            )
        )


@dataclass(frozen=True)
class DeepFool(ImageAttack):
    """DeepFool (Moosavi-Dezfooli et al. 2016): to the nearest linearised boundary, repeatedly.

    Args:
        norm: in which the perturbation is short, l2 or linf.
        steps: most linearisations.
        candidates: classes that are looked at, the label included.
        overshoot: share by which the perturbation goes past the boundary.
    """

    norm: Norm = "l2"
    steps: int = 50
    candidates: int = 10
    overshoot: float = 0.02

    def solver(self, *, targeted: bool = False) -> Solver:
        """As in :class:`ImageAttack`."""
        return deepfool.build(
            checked(
                DeepFoolSettings,
                self,
                norm=self.norm,
                steps=self.steps,
                candidates=self.candidates,
                overshoot=self.overshoot,
            )
        )


def checked(kind: type[_Settings], attack: object, **values: Any) -> _Settings:
    """Settings of the values of an attack.

    Raises:
        UserError: a value out of its range or of a wrong type.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        name = type(attack).__name__
        wrong = []
        for item in error.errors(include_url=False):
            cause = item.get("ctx", {}).get("error")
            key = cause.key if isinstance(cause, WrongKey) else item["loc"][0]
            wrong.append((str(key), objection(item, kind)))
        raise UserError(
            f"{name} cannot be built: " + "; ".join(f"{key}: {what}" for key, what in wrong),
            where=f"argument {', '.join(key for key, _ in wrong)}",
            remedy=f"help(advlearn.{name}) lists the arguments with their ranges",
        ) from error
