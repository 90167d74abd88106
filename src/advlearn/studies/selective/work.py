"""How much the jobs of study 1 compute: what decides whether one is worth a GPU.

Estimates from the settings alone, in gradients of a small convolutional network on an image of
28 x 28 pixels (`gpu.least_work`). Which cells there will be follows from clusters that nobody knows
yet; one a setting of each clusterer is a low guess.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from advlearn.settings.attack import AttackSettings, PgdSettings
from advlearn.settings.cluster import ClusterSettings
from advlearn.settings.data import ImageFacts
from advlearn.settings.network import NetworkSettings, RetrainSettings
from advlearn.settings.run import Wildcards, work_of_gradient
from advlearn.studies.selective.settings.study import SelectiveSettings

_MLP = 0.1
"""A gradient of a small fully connected network, measured on one core of a CPU."""

_Estimate = Callable[[SelectiveSettings, ImageFacts, Wildcards], float]


def gradient(model: NetworkSettings, images: ImageFacts) -> float:
    """A gradient on one image, in the unit of work."""
    return work_of_gradient(images.shape) * (_MLP if model.name == "mlp" else 1.0)


def passes(attack: AttackSettings) -> int:
    """Gradients that an attack takes on each image, at most."""
    return attack.steps * attack.restarts if isinstance(attack, PgdSettings) else 1


def pretrain(study: SelectiveSettings, images: ImageFacts, wildcards: Wildcards) -> float:
    """Training on clean images."""
    universe = study.universe_of(wildcards)
    return gradient(universe.model, images) * images.n_train * universe.training.epochs


def craft(study: SelectiveSettings, images: ImageFacts, wildcards: Wildcards) -> float:
    """The attack on every image."""
    universe = study.universe_of(wildcards)
    n = images.n_train + images.n_validation + images.n_test
    return gradient(universe.model, images) * n * passes(universe.attacks[wildcards.attack])


def retrain(study: SelectiveSettings, images: ImageFacts, wildcards: Wildcards) -> float:
    """One training a cell; with online crafting the attack at each step."""
    universe = study.universe_of(wildcards)
    return (
        gradient(universe.model, images)
        * _cells(study, wildcards)
        * _retraining(universe.retrain, universe.attacks[wildcards.attack], images)
    )


def evaluate(study: SelectiveSettings, images: ImageFacts, wildcards: Wildcards) -> float:
    """The attack on validation and test images for every cell."""
    universe = study.universe_of(wildcards)
    n = min(study.evaluate.validation_images, images.n_validation) + images.n_test
    attacked = passes(universe.attacks[wildcards.attack])
    if "whitebox" not in study.evaluate.protocols:
        attacked = 1
    return gradient(universe.model, images) * _cells(study, wildcards) * n * attacked


def calibrate(study: SelectiveSettings, images: ImageFacts, wildcards: Wildcards) -> float:
    """Every combination of the lists; each is trained and attacked."""
    grid = study.calibrate
    steps = 1 + len(grid.pgd_step_sizes) * grid.pgd_steps
    crafted = (images.n_train + images.n_validation) * steps * len(grid.epsilons)
    ways = len(grid.schedules) * len(grid.starts) * len(grid.craftings)
    trained = images.n_train * len(grid.epsilons) * (1 + len(grid.pgd_step_sizes)) * ways
    return sum(gradient(model, images) * (crafted + trained) for model in grid.models)


OF_STAGE: dict[str, _Estimate] = {
    "pretrain": pretrain,
    "craft": craft,
    "retrain": retrain,
    "evaluate": evaluate,
    "calibrate": calibrate,
}
"""The work of a job, by its stage."""


def _retraining(how: RetrainSettings, attack: AttackSettings, images: ImageFacts) -> float:
    steps = how.online_steps if isinstance(attack, PgdSettings) else 1
    fixed, attacked = how.adversarial_steps, how.share * images.n_train
    if fixed is not None:
        attacked = fixed * how.batch_size
    trained = float(images.n_train)
    if how.clean_steps is not None:
        trained = (how.clean_steps + 1) * attacked
    online = attacked * steps if how.crafting == "online" else 0.0
    return how.epochs * (trained + online) + how.further_clean_epochs * images.n_train


def _cells(study: SelectiveSettings, wildcards: Wildcards) -> int:
    line = study.line_of(wildcards)
    return sum(_settings_of(study.cluster, name) for name in line.clusterers)


def _settings_of(clusters: ClusterSettings, name: str) -> int:
    """Settings of a clusterer: the product of its lists."""
    lists = [value for value in dict(clusters.of(name)).values() if isinstance(value, list)]
    return prod(len(values) for values in lists)
