from __future__ import annotations

import numpy as np
import pytest

from advlearn.data.validation import check_images, check_labels, check_scale
from advlearn.support.errors import UserError


def test_good_images_and_labels_pass() -> None:
    check_images(np.array([0, 1], np.float32).reshape(2, 1, 1, 1), where="x")
    check_images(np.zeros((2, 3, 4, 5), np.uint8), where="x")
    check_labels(np.array([0, 2]), 3, 2, where="x")


def test_the_bad_image_is_named_beyond_the_first_block() -> None:
    images = np.zeros((9000, 1, 2, 2), np.float32)
    images[8999, 0, 1, 1] = np.inf
    with pytest.raises(UserError, match="image 8999 holds the value inf"):
        check_images(images, where="x")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 2, 2), np.uint8), "shape"),
        (np.zeros((2, 1, 0, 2), np.uint8), "shape"),
        (np.zeros((0, 1, 2, 2), np.uint8), "no image"),
        (np.zeros((1, 1, 2, 2)), "float64"),
    ],
)
def test_bad_images(images: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        check_images(images, where="here")
    assert caught.value.where == "here"


@pytest.mark.parametrize(
    ("dtype", "value", "good"),
    [
        (np.uint8, 0, False),
        (np.uint8, 1, False),
        (np.uint8, 2, True),
        (np.float32, 0, False),
        (np.float32, 1 / 255, False),
        (np.float32, 2 / 255, True),
    ],
)
def test_images_that_are_all_black_are_of_another_scale(
    dtype: type[np.generic], value: float, good: bool
) -> None:
    images = np.zeros((3, 1, 2, 2), dtype)
    images[2, 0, 1, 1] = value
    if good:
        check_scale(images, where="x")
        return
    with pytest.raises(UserError, match="no image holds a value above"):
        check_scale(images, where="x")


@pytest.mark.parametrize(
    ("dtype", "value", "said"),
    [
        (np.uint8, 16, "16 of 255"),
        (np.uint8, 64, ""),
        (np.float32, 0.2, "0.2 of 1"),
        (np.float32, 0.25, ""),
    ],
)
def test_dark_images_are_said(
    dtype: type[np.generic], value: float, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check_scale(np.full((3, 1, 2, 2), value, dtype), where="x")
    error = capsys.readouterr().err
    assert said in error
    assert bool(error) == bool(said)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 3]), "label 3 of image 1"),
        (np.array([-1, 0]), "label -1 of image 0"),
        (np.array([0]), "1 labels for 2 images"),
        (np.array([0.0, 1.0]), "float64"),
        (np.array([[0, 1]]), "shape"),
    ],
)
def test_bad_labels(labels: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_labels(labels, 3, 2, where="x")
