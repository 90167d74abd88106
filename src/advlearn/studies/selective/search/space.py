"""The space of universes: draw number i is one answer to each question that the paper leaves open.

Draws are points of one scrambled Sobol sequence. A draw depends on its number alone, so that a
search can be extended, resumed and split over jobs; any first 2^m draws cover the space evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from advlearn.settings.attack import FgsmSettings, PgdSettings
from advlearn.settings.network import NetworkSettings, RetrainSettings, TrainingSettings
from advlearn.studies.selective.search.questions import QUESTIONS
from advlearn.studies.selective.settings.universe import UniverseSettings

PUBLISHED_CLEAN = 0.9701
"""Published clean accuracy, at which the training of every second universe stops (section VII)."""
MOST_EPOCHS = 20

_SCRAMBLING = 20231
_DIMENSIONS = (
    "family",
    "layers",
    "width_1",
    "width_2",
    "width_3",
    "channels_1",
    "channels_2",
    "dense",
    "dropout",
    "optimiser",
    "rate",
    "batch",
    "input",
    "epsilon",
    "pgd_step",
    "clipping",
    "ball",
    "fgsm_labels",
    "clean_training",
    "epochs",
    "start",
    "schedule",
    "clean_steps",
    "adversarial_steps",
    "retraining_rate",
    "further_epochs",
    "crafting",
)
"""Coordinates of the sequence: their order decides every draw."""

# A convolution costs ten times a perceptron of the same accuracy.
_MLP_SHARE = 0.75
_WIDTHS, _CHANNELS = (64, 1024), (8, 32)
_DENSE = 128
_RATES = {"adam": (1e-4, 3e-3), "sgd": (1e-3, 1e-1)}
_SCALES = {"[0, 1]": (0.0, 1.0), "standardised": (0.1307, 0.3081), "[-1, 1]": (0.5, 0.5)}
_EPSILONS = {"0.5 in pixels": 0.5, "0.5 standardised": 0.154, "0.5 in [-1, 1]": 0.25}
_STEPS = ("0.01", "2/255", "epsilon/10", "2.5 epsilon/20", "epsilon")
_PGD_STEPS = 20
_FIXED, _FOLLOWING = (10, 30, 100, 300, 1000), (0.1, 0.5, 1.0)

_T = TypeVar("_T")
Answers = dict[str, str]


@dataclass(frozen=True)
class Draw:
    """One draw.

    Attributes:
        number: its place in the sequence, from 0.
        answers: question -> answer as the tidy table has it; empty where it means nothing.
        universe: the same as settings; its protocol is white-box.
    """

    number: int
    answers: Answers
    universe: UniverseSettings


def draws(first: int, count: int) -> list[Draw]:
    """Draws ``first`` to ``first + count - 1``."""
    # Stages that only read draws need not wait for this import.
    from scipy.stats import qmc

    sequence = qmc.Sobol(len(_DIMENSIONS), scramble=True, rng=_SCRAMBLING)
    if first:
        sequence.fast_forward(first)
    # A balanced set is a property of the whole sequence; blocks need not be powers of 2.
    points = [sequence.random(1)[0] for _ in range(count)]
    return [
        _draw(first + place, dict(zip(_DIMENSIONS, map(float, point), strict=True)))
        for place, point in enumerate(points)
    ]


def follows_the_size(adversarial_steps: str) -> bool:
    """Whether the number of adversarial steps follows the number of selected images."""
    return adversarial_steps.endswith("epoch")


def _draw(number: int, at: dict[str, float]) -> Draw:
    answers: Answers = dict.fromkeys(QUESTIONS, "")
    model = _model(at, answers)
    training = _training(at, answers)
    attacks = _attacks(at, answers)
    retrain = _retraining(at, training, answers)
    universe = UniverseSettings(
        description=_in_words(number, answers),
        model=model,
        training=training,
        attacks=attacks,
        retrain=retrain,
    )
    return Draw(number, answers, universe)


def _model(at: dict[str, float], answers: Answers) -> NetworkSettings:
    answers["dropout"] = _one_of(("0", "0.25", "0.5"), at["dropout"])
    answers["input"] = _one_of(tuple(_SCALES), at["input"])
    mean, deviation = _SCALES[answers["input"]]
    common: dict[str, Any] = {
        "dropout": float(answers["dropout"]),
        "input_mean": mean,
        "input_deviation": deviation,
    }
    if at["family"] < _MLP_SHARE:
        layers = _one_of((1, 2, 3), at["layers"])
        hidden = tuple(_whole(_WIDTHS, at[f"width_{i}"]) for i in range(1, layers + 1))
        answers["model"] = f"mlp {_joined(hidden)}"
        return NetworkSettings(name="mlp", hidden=hidden, **common)
    channels = tuple(_whole(_CHANNELS, at[f"channels_{i}"]) for i in (1, 2))
    hidden = _one_of(((), (_DENSE,)), at["dense"])
    answers["model"] = f"cnn {_joined(channels)}" + (f", {_joined(hidden)}" if hidden else "")
    return NetworkSettings(name="cnn", channels=channels, hidden=hidden, **common)


def _training(at: dict[str, float], answers: Answers) -> TrainingSettings:
    answers["optimiser"] = _one_of(("adam", "sgd"), at["optimiser"])
    answers["rate"] = _three_digits(_between(_RATES[answers["optimiser"]], at["rate"]))
    answers["batch"] = _one_of(("32", "64", "128", "256"), at["batch"])
    until = _one_of((False, True), at["clean_training"])
    epochs = MOST_EPOCHS if until else int(_between((1, MOST_EPOCHS + 1), at["epochs"]))
    answers["clean_training"] = (
        f"until {PUBLISHED_CLEAN}" if until else f"{epochs} epoch{'s' if epochs > 1 else ''}"
    )
    return TrainingSettings.model_validate(
        {
            "epochs": epochs,
            "stop_at": PUBLISHED_CLEAN if until else None,
            "batch_size": int(answers["batch"]),
            "learning_rate": float(answers["rate"]),
            "optimiser": answers["optimiser"],
        }
    )


def _attacks(at: dict[str, float], answers: Answers) -> dict[str, FgsmSettings | PgdSettings]:
    answers["epsilon"] = _one_of(tuple(_EPSILONS), at["epsilon"])
    answers["pgd_step"] = _one_of(_STEPS, at["pgd_step"])
    answers["clipping"] = _one_of(("yes", "no"), at["clipping"])
    answers["ball"] = _one_of(("image", "iterate"), at["ball"])
    answers["fgsm_labels"] = _one_of(("true", "predicted"), at["fgsm_labels"])
    epsilon = _EPSILONS[answers["epsilon"]]
    sizes = {
        "0.01": 0.01,
        "2/255": 2 / 255,
        "epsilon/10": epsilon / 10,
        "2.5 epsilon/20": 2.5 * epsilon / _PGD_STEPS,
        "epsilon": epsilon,
    }
    common = {"epsilon": epsilon, "clip": answers["clipping"] == "yes"}
    pgd = {
        "ball": answers["ball"],
        "steps": _PGD_STEPS,
        "step_size": sizes[answers["pgd_step"]],
        "random_start": False,
    }
    return {
        "fgsm": FgsmSettings.model_validate({**common, "labels": answers["fgsm_labels"]}),
        "pgd": PgdSettings.model_validate({**common, **pgd}),
    }


def _retraining(
    at: dict[str, float], training: TrainingSettings, answers: Answers
) -> RetrainSettings:
    schedules = ("interleaved", "mixed", "adversarial_only", "clean_then_adversarial")
    answers["start"] = _one_of(("pretrained", "scratch"), at["start"])
    answers["schedule"] = _one_of(schedules, at["schedule"])
    answers["crafting"] = _one_of(("static", "online"), at["crafting"])
    answers["retraining_rate"] = _one_of(("0.1", "0.3", "1"), at["retraining_rate"])
    steps = _one_of((*_FIXED, *_FOLLOWING), at["adversarial_steps"])
    fixed = isinstance(steps, int)
    answers["adversarial_steps"] = str(steps) if fixed else f"{steps:g} epoch"
    clean: dict[str, Any] = {}
    if answers["schedule"] != "adversarial_only":
        answers["clean_steps"] = _one_of(("1", "2", "4", "8", "epoch"), at["clean_steps"])
        answers["further_epochs"] = _one_of(("0", "1", "4"), at["further_epochs"])
        whole = answers["clean_steps"] == "epoch"
        clean = {
            "clean_steps": None if whole else int(answers["clean_steps"]),
            "further_clean_epochs": int(answers["further_epochs"]),
        }
    rate = float(answers["retraining_rate"]) * training.learning_rate
    return RetrainSettings.model_validate(
        {
            "start": answers["start"],
            "schedule": answers["schedule"],
            "crafting": answers["crafting"],
            "adversarial_steps": steps if fixed else None,
            "share": 1.0 if fixed else steps,
            "batch_size": training.batch_size,
            "learning_rate": float(_three_digits(rate)),
            "optimiser": training.optimiser,
            **clean,
        }
    )


def _in_words(number: int, answers: Answers) -> str:
    """The answers as one sentence, for the description of a universe in a configuration."""
    clip = "cut to [0, 1]" if answers["clipping"] == "yes" else "not cut to [0, 1]"
    steps = answers["adversarial_steps"]
    following = follows_the_size(steps)
    steps = f"{steps} of the selected images" if following else f"{steps} adversarial steps"
    clean = answers["clean_steps"]
    beside = "" if not clean else f", clean steps for each: {clean}"
    if clean == "epoch":
        beside = ", an epoch of clean steps"
    further = answers["further_epochs"]
    return (
        f"Draw {number} of the search: {answers['model']}, dropout {answers['dropout']},"
        f" {answers['optimiser']} {answers['rate']}, batch {answers['batch']}, input"
        f" {answers['input']}, clean training {answers['clean_training']}; epsilon"
        f" {answers['epsilon']}, PGD step {answers['pgd_step']}, ball round the {answers['ball']},"
        f" {clip}, {answers['fgsm_labels']} labels in FGSM; retraining from {answers['start']},"
        f" {answers['schedule']}, {steps}{beside}, {answers['retraining_rate']} times the rate,"
        f" {answers['crafting']} crafting"
        + (f", then {further} clean epochs" if further not in ("", "0") else "")
        + "."
    )


def _one_of(options: Sequence[_T], at: float) -> _T:
    return options[int(at * len(options))]


def _between(bounds: tuple[float, float], at: float) -> float:
    """Log-uniform."""
    low, high = bounds
    return float(low * (high / low) ** at)


def _whole(bounds: tuple[int, int], at: float) -> int:
    return int(float(f"{_between(bounds, at):.3g}"))


def _three_digits(value: float) -> str:
    return f"{value:.3g}"


def _joined(widths: Sequence[int]) -> str:
    return "-".join(map(str, widths))
