from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advlearn.data.splits import (
    SPLITS,
    count_shared,
    draw_splits,
    image_digests,
    say_shared,
    stratified_order,
)
from advlearn.settings.data import DataSettings
from advlearn.support.errors import UserError

LABELS = np.arange(1000) % 10
TEST = np.arange(200) % 10


def settings(**values: int) -> DataSettings:
    return DataSettings.model_validate({"validation_images": 100, **values})


def positions(split: str, **values: int) -> np.ndarray:
    table = draw_splits(LABELS, TEST, settings(**values))
    return table.loc[table["split"] == split, "index"].to_numpy()


@given(st.lists(st.integers(0, 4), min_size=1, max_size=200), st.integers(0, 5), st.data())
def test_every_beginning_is_stratified(labels: list[int], seed: int, data: st.DataObject) -> None:
    array = np.array(labels)
    order = stratified_order(array, seed)
    np.testing.assert_array_equal(np.sort(order), np.arange(len(array)))
    n = data.draw(st.integers(0, len(array)))
    counts = np.bincount(array, minlength=5)
    share = n * counts / len(array)
    # Rounding in each class to the nearest place: half an image, and half for every class's own.
    allowed = 0.5 + (counts > 0).sum() * counts / (2 * len(array)) + 1e-9
    assert (np.abs(np.bincount(array[order[:n]], minlength=5) - share) <= allowed).all()


def test_the_order_depends_on_the_seed_alone() -> None:
    np.testing.assert_array_equal(stratified_order(LABELS, 0), stratified_order(LABELS, 0))
    assert (stratified_order(LABELS, 0) != stratified_order(LABELS, 1)).any()
    # A frozen value: a change would silently change every result.
    assert stratified_order(LABELS, 0)[:6].tolist() == FROZEN


FROZEN = [494, 827, 606, 821, 159, 173]


def test_default_uses_all_images_once() -> None:
    table = draw_splits(LABELS, TEST, settings())
    train, validation = positions("train"), positions("validation")
    assert list(table.columns) == ["source", "index", "split"]
    np.testing.assert_array_equal(np.sort(np.r_[train, validation]), np.arange(1000))
    np.testing.assert_array_equal(positions("test"), np.arange(200))
    assert set(table.loc[table["split"] == "test", "source"]) == {"test"}
    assert set(table.loc[table["split"] != "test", "source"]) == {"train"}


def test_subsets_are_nested_stratified_and_leave_validation_alone() -> None:
    small, large = positions("train", train_images=200), positions("train", train_images=500)
    assert set(small) < set(large)
    assert np.bincount(LABELS[small]).tolist() == [20] * 10
    assert np.bincount(LABELS[positions("validation")]).tolist() == [10] * 10
    np.testing.assert_array_equal(
        positions("validation", train_images=200), positions("validation")
    )
    assert not set(positions("validation")) & set(large)
    assert len(positions("test", test_images=50)) == 50


def test_another_seed_is_another_draw() -> None:
    assert set(positions("validation")) != set(positions("validation", split_seed=1))


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"train_images": 901}, "data.train_images"),
        ({"validation_images": 1000}, "data.validation_images"),
        ({"test_images": 201}, "data.test_images"),
    ],
)
def test_more_than_there_is(values: dict[str, int], key: str) -> None:
    with pytest.raises(UserError) as caught:
        draw_splits(LABELS, TEST, settings(**values))
    assert key in caught.value.where


def test_a_class_without_training_images() -> None:
    with pytest.raises(UserError, match="no training image is left of the class"):
        draw_splits(LABELS, TEST, settings(train_images=9))
    draw_splits(LABELS, TEST, settings(train_images=10))


def test_images_of_two_splits_are_counted_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    images = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    images[5] = images[4] = images[0]
    digests = {
        split: image_digests(images, np.array(rows))
        for split, rows in zip(SPLITS, ([0, 1], [2, 3], [4, 5, 3]), strict=True)
    }
    shared = count_shared(digests)
    assert shared == {"train and test": 2, "validation and test": 1}
    say_shared("prepare", shared)
    assert (
        "[prepare] 2 images of the test split are in the train split, too"
        in capsys.readouterr().err
    )


@given(st.lists(st.lists(st.integers(0, 20)), min_size=3, max_size=3))
def test_splits_share_what_a_loop_over_pairs_finds(parts: list[list[int]]) -> None:
    digests = {
        split: [bytes([value]) for value in part] for split, part in zip(SPLITS, parts, strict=True)
    }
    shared = count_shared(digests)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        pair = f"{SPLITS[first]} and {SPLITS[second]}"
        found = sum(any(one == other for other in parts[first]) for one in parts[second])
        assert shared.get(pair, 0) == found
