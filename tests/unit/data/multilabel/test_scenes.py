from __future__ import annotations

import hashlib

import numpy as np
import pytest

from advlearn.data.multilabel.scenes import compose
from advlearn.settings.multilabel import ScenesSettings
from advlearn.support.errors import UserError

DIGESTS = ["1d0e8ac64f543097", "6146dec0fc18bf1b"]
"""Of scenes and labels as they were before there were negatives."""
SMALL = ScenesSettings(canvas=24, side=(6, 8), labels=(1, 4))


def bright(n_classes: int, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Two images a class, each of one brightness: 40 * (class + 1) or 1 less."""
    labels = np.repeat(np.arange(n_classes), 2)
    values = (40 * (labels + 1) - np.arange(len(labels)) % 2).astype(np.uint8)
    return np.tile(values[:, None, None, None], (1, channels, 10, 10)), labels


def test_a_scene_shows_exactly_its_labels() -> None:
    images, labels = bright(5)
    lone = SMALL.model_copy(update={"canvas": 64})
    scenes, shown = compose(images, labels, 5, lone, "train", 60)
    assert scenes.shape == (60, 1, 64, 64)
    assert scenes.dtype == np.uint8
    assert shown.shape == (60, 5)
    for scene, row in zip(scenes, shown, strict=True):
        seen = {(int(value) + 39) // 40 - 1 for value in np.unique(scene) if value}
        assert seen == set(np.flatnonzero(row))


def test_pieces_have_the_wanted_sides_and_channels() -> None:
    images, labels = bright(3, channels=3)
    single = SMALL.model_copy(update={"labels": (1, 1)})
    scenes, _ = compose(images, labels, 3, single, "train", 80)
    sides = set()
    for scene in scenes:
        np.testing.assert_array_equal(scene[0], scene[2])
        rows, columns = np.nonzero(scene[0])
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert (scene[0] > 0).sum() == height * width
        assert height == width
        sides.add(int(height))
    assert sides == {6, 7, 8}


def test_the_longer_side_counts_when_images_are_not_square() -> None:
    images = np.full((2, 1, 5, 10), 200, np.uint8)
    settings = SMALL.model_copy(update={"labels": (1, 1), "side": (8, 8)})
    scenes, _ = compose(images, np.array([0, 1]), 2, settings, "test", 5)
    assert [(scene > 0).sum() for scene in scenes] == [8 * 4] * 5


def test_a_scene_depends_on_seed_split_and_number_only() -> None:
    images, labels = bright(5)
    scenes, shown = compose(images, labels, 5, SMALL, "train", 12)
    later, shown_later = compose(images, labels, 5, SMALL, "train", 7, start=5)
    np.testing.assert_array_equal(scenes[5:], later)
    np.testing.assert_array_equal(shown[5:], shown_later)
    for other, split in ((SMALL.model_copy(update={"seed": 1}), "train"), (SMALL, "test")):
        assert not np.array_equal(compose(images, labels, 5, other, split, 12)[0], scenes)


def test_all_numbers_of_labels_and_all_classes_are_equally_likely() -> None:
    images, labels = bright(5)
    count = 2000
    _, shown = compose(images, labels, 5, SMALL, "train", count)
    numbers = np.bincount(shown.sum(axis=1), minlength=6)
    assert numbers[0] == numbers[5] == 0
    # Five standard deviations of a binomial share.
    assert np.abs(numbers[1:5] / count - 1 / 4).max() < 5 * np.sqrt(3 / 16 / count)
    assert np.abs(shown.mean(axis=0) - 1 / 2).max() < 5 * np.sqrt(1 / 4 / count)


def test_the_largest_number_of_labels_is_capped_by_the_classes() -> None:
    images, labels = bright(3)
    _, shown = compose(images, labels, 3, SMALL, "train", 60)
    assert set(shown.sum(axis=1)) == {1, 2, 3}


def test_pieces_hardly_overlap_where_there_is_room() -> None:
    images, labels = bright(4)
    settings = SMALL.model_copy(update={"canvas": 32, "labels": (4, 4), "side": (8, 8)})
    scenes, _ = compose(images, labels, 4, settings, "train", 50)
    assert ((scenes > 0).sum(axis=(1, 2, 3)) >= 0.95 * 4 * 64).all()


def test_brighter_pixels_win() -> None:
    images, labels = bright(4)
    full = ScenesSettings(canvas=8, side=(8, 8), labels=(2, 2))
    scenes, shown = compose(images, labels, 4, full, "train", 10)
    for scene, row in zip(scenes, shown, strict=True):
        assert (int(scene.min()) + 39) // 40 - 1 == np.flatnonzero(row).max()


def test_too_few_classes_or_no_image_of_one() -> None:
    images, labels = bright(3)
    many = SMALL.model_copy(update={"labels": (4, 5)})
    with pytest.raises(UserError, match="at least 4 labels, and the data give 3"):
        compose(images, labels, 3, many, "train", 1)
    with pytest.raises(UserError, match="the class 3 has no image"):
        compose(images, labels, 4, SMALL, "train", 1)


def test_negatives_are_labels_of_their_own() -> None:
    images, labels = bright(3)
    settings = SMALL.model_copy(update={"canvas": 96, "labels": (2, 6), "negatives": True})
    scenes, shown = compose(images, labels, 3, settings, "train", 60)
    assert shown.shape == (60, 6)
    assert set(shown.sum(axis=1)) == {2, 3, 4, 5, 6}
    assert shown.any(axis=0).all()
    for scene, row in zip(scenes, shown, strict=True):
        values = [int(value) for value in np.unique(scene) if value]
        # Classes have at most 120, their negatives at least 135.
        plain = {(value + 39) // 40 - 1 for value in values if value <= 120}
        dark = {(255 - value + 39) // 40 - 1 + 3 for value in values if value > 120}
        assert plain | dark == set(np.flatnonzero(row))


def test_without_negatives_scenes_are_what_they_were() -> None:
    images, labels = bright(5)
    digests = [
        hashlib.sha256(each.tobytes()).hexdigest()[:16]
        for each in compose(images, labels, 5, SMALL, "train", 40)
    ]
    assert digests == DIGESTS


def test_labels_of_negatives_have_names() -> None:
    names = ("0", "1")
    assert SMALL.label_names(names) == names
    both = SMALL.model_copy(update={"negatives": True})
    assert both.label_names(names) == ("0", "1", "0 negative", "1 negative")
    assert both.n_labels(2) == 4
