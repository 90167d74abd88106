"""How much the jobs of study 2 compute on scenes: what decides whether one is worth a GPU.

Estimates from the settings alone, in gradients of a small convolutional network on an image of
28 x 28 pixels (`gpu.least_work`). Photos go through large networks and are always worth it.
"""

from __future__ import annotations

from collections.abc import Callable

from advlearn.settings.data import ImageFacts
from advlearn.settings.run import Wildcards, work_of_gradient
from advlearn.studies.topk.settings.study import TopkSettings

_Estimate = Callable[[TopkSettings, ImageFacts, Wildcards], float]


def topk_pretrain(study: TopkSettings, images: ImageFacts, wildcards: Wildcards) -> float:
    """Training on the scenes."""
    epochs = study.model_of(wildcards).training.epochs
    return _gradient(study, images) * study.scenes.train_images * epochs


def topk_search(study: TopkSettings, images: ImageFacts, wildcards: Wildcards) -> float:
    """Every step on its validation images, each iteration a gradient."""
    steps = sum(cell.attack.iterations for _, cell in study.searched_cells(wildcards.model))
    most = study.search.images if study.search else 0
    return _gradient(study, images) * min(most, study.scenes.validation_images) * steps


def topk_attack(study: TopkSettings, images: ImageFacts, wildcards: Wildcards) -> float:
    """Every cell on its images, each iteration a gradient."""
    steps = sum(cell.attack.iterations for cell in study.cells(wildcards.job))
    return _gradient(study, images) * min(study.images, study.scenes.test_images) * steps


def topk_transfer(study: TopkSettings, images: ImageFacts, wildcards: Wildcards) -> float:
    """Each model sees what was made for the others; a forward pass is a third of a gradient."""
    seen = len(study.models) ** 2 * len(study.methods_of("transfer")) * study.images
    return _gradient(study, images) * seen / 3


OF_STAGE: dict[str, _Estimate] = {
    "topk_pretrain": topk_pretrain,
    "topk_search": topk_search,
    "topk_attack": topk_attack,
    "topk_transfer": topk_transfer,
}
"""The work of a job, by its stage."""


def _gradient(study: TopkSettings, images: ImageFacts) -> float:
    return work_of_gradient((images.shape[0], study.scenes.canvas, study.scenes.canvas))
