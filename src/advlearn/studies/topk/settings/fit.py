"""What study 2 needs of its data: labels for every k and label set, classes for the scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from advlearn.settings.data import ImageFacts
from advlearn.settings.multilabel import ScenesSettings
from advlearn.settings.network import ImagenetResnetSettings, TorchvisionSettings
from advlearn.support.errors import UserError

if TYPE_CHECKING:
    from advlearn.studies.topk.settings.study import TopkSettings


def check_images(study: TopkSettings, images: ImageFacts) -> None:
    """Refuse what scenes of the run's images cannot give.

    Raises:
        UserError: the scenes, a label set, a k or a network does not fit.
    """
    check_scenes(study.scenes, images)
    n_labels = study.scenes.n_labels(images.n_classes)
    check_labels(study, n_labels)
    check_densities(study, n_labels)
    check_colours(study, images.shape[0])
    check_sides(study, study.scenes.canvas)


def check_labels(study: TopkSettings, n_labels: int) -> None:
    """Refuse labels that the data do not have, and a top that holds them all.

    Raises:
        UserError: a label set or a k does not fit.
    """
    for name, labels in study.label_sets.items():
        if max(labels) >= n_labels:
            raise UserError(
                f"label {max(labels)} does not exist: {study.dataset} has {n_labels} labels",
                where=f"configuration key 'topk.label_sets.{name}', value {list(labels)}",
                remedy=f"use indices from 0 to {n_labels - 1}, or set the key to null",
            )
    for key, k in (("topk.k", max(study.k)), ("topk.focus.k", study.focus.k)):
        if k >= n_labels:
            raise UserError(
                f"k must be below the number of labels: {study.dataset} has {n_labels}",
                where=f"configuration key '{key}', value {k}",
                remedy=f"use at most {n_labels - 1}",
            )


def check_densities(study: TopkSettings, n_labels: int) -> None:
    """Refuse numbers of labels that no scene has.

    Raises:
        UserError: see above.
    """
    fewest, most = study.scenes.labels[0], min(study.scenes.labels[1], n_labels)
    for number, (low, high) in enumerate(study.densities):
        if high < fewest or low > most:
            raise UserError(
                f"no scene has {low} to {high} labels: they have {fewest} to {most}",
                where=f"configuration key 'topk.densities.{number}', value {[low, high]}",
                remedy="change it, or topk.scenes.labels; topk.scenes.negatives gives twice as many"
                " labels",
            )


def check_colours(study: TopkSettings, channels: int) -> None:
    """Refuse networks for photos where the images have another number of channels.

    Raises:
        UserError: a network takes colour images, and these are not.
    """
    for name, model in study.models.items():
        if isinstance(model.network, ImagenetResnetSettings) and channels != 3:
            raise UserError(
                f"{model.network.name} takes colour images, not {channels} channel(s)",
                where=f"configuration key 'topk.models.{name}.network.name'",
                remedy="use mlp, cnn, resnet, vit, or another network of torchvision",
            )


def check_sides(study: TopkSettings, side: int) -> None:
    """Refuse images that are too small for a network.

    Raises:
        UserError: see `TorchvisionSettings.check_side`.
    """
    for name, model in study.models.items():
        if isinstance(model.network, TorchvisionSettings):
            model.network.check_side(side, f"topk.models.{name}.network")


def check_weights(study: TopkSettings) -> None:
    """Refuse weights that the user's disk does not hold.

    Raises:
        UserError: a file of weights does not exist.
    """
    for name, model in study.models.items():
        weights = getattr(model.network, "weights", None)
        if isinstance(weights, Path) and not weights.is_file():
            raise UserError(
                "the file of weights does not exist",
                where=f"configuration key 'topk.models.{name}.network.weights': {weights}",
                remedy="give a .safetensors or .pth file of tensors, or imagenet, or null",
            )


def check_scenes(scenes: ScenesSettings, images: ImageFacts) -> None:
    """Refuse scenes that the run's images cannot give.

    Raises:
        UserError: a scene has more labels than there are, or a split has fewer images than
            classes.
    """
    n_labels = scenes.n_labels(images.n_classes)
    if scenes.labels[0] > n_labels:
        raise UserError(
            f"a scene has at least {scenes.labels[0]} labels, and the images give {n_labels}",
            where=f"configuration key 'topk.scenes.labels', value {list(scenes.labels)}",
            remedy=f"begin with at most {n_labels}",
        )
    for split, key, count in (
        ("training", "train_images", images.n_train),
        ("validation", "validation_images", images.n_validation),
        ("test", "test_images", images.n_test),
    ):
        if count < images.n_classes:
            raise UserError(
                f"scenes need an image of each class, and the {split} split has {count} images of"
                f" {images.n_classes} classes",
                where=f"configuration key 'data.{key}', value {count}",
                remedy=f"set it to at least {images.n_classes}",
            )
