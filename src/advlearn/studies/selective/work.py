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
from advlearn.studies.selective.settings.strengthen import StrongSettings
from advlearn.studies.selective.settings.study import SelectiveSettings

_MLP = 0.1
"""A gradient of a small fully connected network, measured on one core of a CPU."""

_LONG = 20
"""Passes over the training images of a universe that is measured to its end."""

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


def strengthen(study: SelectiveSettings, images: ImageFacts, wildcards: Wildcards) -> float:
    """Strong attacks on the models of a line: a model of each setting and its control, and three.

    A query of Square Attack is a third of a gradient, a step of FAB a gradient and as much again.
    """
    universe, strong = study.universe_of(wildcards), study.evaluate.strong
    if strong is None:
        return 0.0
    others = images.n_classes - 1
    targets = others if strong.targets is None else min(strong.targets, others)
    passes = strong.steps * (1 + 3 * targets) + strong.queries / 3
    n = min(strong.images, images.n_test)
    models = 3 + 2 * _strong_cells(study, strong, wildcards)
    return gradient(universe.model, images) * models * n * passes


def calibrate(study: SelectiveSettings, images: ImageFacts, wildcards: Wildcards) -> float:
    """The clean training of a block of universes: few of them are trained further."""
    first, end = study.search.draws_of(int(wildcards.block))
    return (
        (end - first) * _MLP * work_of_gradient(images.shape) * images.n_train * study.search.epochs
    )


def confirm(study: SelectiveSettings, images: ImageFacts, wildcards: Wildcards) -> float:
    """Clean training and two retrainings of some universes, seed after seed."""
    search = study.search
    a_universe = _MLP * work_of_gradient(images.shape) * images.n_train * _LONG
    return search.finalists_a_job * len(search.seeds) * a_universe


OF_STAGE: dict[str, _Estimate] = {
    "pretrain": pretrain,
    "craft": craft,
    "retrain": retrain,
    "evaluate": evaluate,
    "strengthen": strengthen,
    "calibrate": calibrate,
    "confirm": confirm,
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


def _strong_cells(study: SelectiveSettings, strong: StrongSettings, wildcards: Wildcards) -> int:
    """Settings of the line whose models meet the strong attacks."""
    found = 0
    for name in study.line_of(wildcards).clusterers:
        if strong.clusterers is None or name in strong.clusterers:
            asked = getattr(study.cluster.of(name), "n_clusters", None)
            if asked is None or strong.n_clusters is None:
                found += _settings_of(study.cluster, name)
            else:
                found += len({*asked} & {*strong.n_clusters})
    return found


def _settings_of(clusters: ClusterSettings, name: str) -> int:
    """Settings of a clusterer: the product of its lists."""
    lists = [value for value in dict(clusters.of(name)).values() if isinstance(value, list)]
    return prod(len(values) for values in lists)
