from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advlearn.data.multilabel.listing import (
    MISSING,
    UNLABELLED,
    Listing,
    Photo,
    draw_photos,
    read_lines,
    united,
)
from advlearn.data.multilabel.photos import DAMAGED, WIDE
from advlearn.data.splits import SplitName
from advlearn.settings.multilabel import PhotosSettings
from advlearn.support.errors import UserError
from tests.helpers.photos import picture


def settings(**changes: object) -> PhotosSettings:
    return PhotosSettings.model_validate({"name": "voc2012", "validation_images": 3, **changes})


@pytest.fixture
def listing(tmp_path: Path) -> Listing:
    """Twelve photos to train on and eight to attack."""
    parts = []
    for part, count in (("train", 12), ("test", 8)):
        parts.append([Photo(f"{part}{n:02d}.png", (n % 3,)) for n in range(count)])
        for number, photo in enumerate(parts[-1]):
            picture(tmp_path / photo.name, seed=100 * len(parts) + number)
    return Listing(tmp_path, ("a", "b", "c"), *parts)


def test_all_photos_are_used_once_and_stay_in_order(listing: Listing) -> None:
    drawn = draw_photos(listing, settings())
    splits = drawn.splits
    assert not drawn.skipped
    assert not drawn.changed
    assert not drawn.shared
    assert splits["test"] == listing.test
    assert len(splits["validation"]) == 3
    assert sorted(splits["train"] + splits["validation"], key=lambda p: p.name) == listing.train
    for part in splits.values():
        assert part == sorted(part, key=lambda photo: photo.name)


def test_smaller_splits_are_parts_of_larger_ones(listing: Listing) -> None:
    large = draw_photos(listing, settings(), threads=3).splits
    small = draw_photos(listing, settings(train_images=4, test_images=5)).splits
    assert (len(small["train"]), len(small["test"])) == (4, 5)
    assert small["validation"] == large["validation"]
    assert set(small["train"]) < set(large["train"])
    assert set(small["test"]) < set(large["test"])
    other = draw_photos(listing, settings(split_seed=1)).splits
    assert other["validation"] != large["validation"]


def test_what_cannot_be_used_is_replaced_and_counted(listing: Listing) -> None:
    validation = draw_photos(listing, settings()).splits["validation"]
    (listing.root / validation[0].name).write_bytes(b"damaged")
    (listing.root / listing.test[0].name).unlink()
    listing.test[1] = Photo(listing.test[1].name, ())
    drawn = draw_photos(listing, settings())
    assert sorted(drawn.skipped) == sorted(
        [
            (validation[0].name, DAMAGED),
            (listing.test[0].name, MISSING),
            (listing.test[1].name, UNLABELLED),
        ]
    )
    assert set(validation[1:]) < set(drawn.splits["validation"])
    assert [len(drawn.splits[name]) for name in ("train", "validation", "test")] == [8, 3, 6]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"validation_images": 12}, r"12 photos can be used for training and validation"),
        ({"train_images": 10}, "fewer than the 13 asked for"),
        ({"test_images": 9}, "8 photos can be used for test"),
    ],
)
def test_more_photos_than_there_are(changes: dict[str, int], kind: str, listing: Listing) -> None:
    with pytest.raises(UserError, match=kind):
        draw_photos(listing, settings(**changes))


def test_a_name_longer_than_files_have_is_a_missing_file(listing: Listing) -> None:
    longer = replace(listing, train=[*listing.train, *_photos("p" * 300 + ".png")])
    skipped = dict(draw_photos(longer, settings()).skipped)
    assert skipped["p" * 300 + ".png"] == "missing file"


def test_lists_of_photos_that_are_all_missing(listing: Listing) -> None:
    for photo in listing.test:
        (listing.root / photo.name).unlink()
    with pytest.raises(UserError, match="none of the 8 photos"):
        draw_photos(listing, settings())


def test_what_was_left_out_is_named_when_too_few_photos_remain(listing: Listing) -> None:
    for photo in listing.test[:3]:
        (listing.root / photo.name).write_bytes(b"damaged")
    with pytest.raises(UserError) as caught:
        draw_photos(listing, settings(test_images=8))
    assert "left out: 3 damaged file" in caught.value.remedy


def test_photos_of_two_splits_with_the_same_bytes_are_counted(listing: Listing) -> None:
    splits = draw_photos(listing, settings()).splits
    pairs: list[tuple[SplitName, SplitName]] = [("train", "test"), ("validation", "test")]
    for one, other in pairs:
        shutil.copy(listing.root / splits[one][0].name, listing.root / splits[other][-1].name)
        drawn = draw_photos(listing, settings())
        assert drawn.splits == splits
        assert drawn.shared == {f"{one} and {other}": 1}


def test_what_is_done_to_photos_is_counted(listing: Listing) -> None:
    for photo in (*listing.train[:2], listing.test[0]):
        grey = np.arange(400, dtype=np.uint16).reshape(20, 20)
        Image.fromarray(grey + listing.test.index(photo) if photo in listing.test else grey).save(
            listing.root / photo.name
        )
    assert draw_photos(listing, settings()).changed == {WIDE: 3}


def _photos(*names: str) -> list[Photo]:
    return [Photo(name, (0,)) for name in names]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda root: Listing(root, ("a",), _photos("x", "y"), _photos("z", "y")),
            "the photo y is in the part to train on and in the part to attack",
        ),
        (
            lambda root: Listing(root, ("a",), _photos("x", "x"), _photos("z")),
            "the photo x is listed twice",
        ),
        (
            lambda root: Listing(root, ("a", "b", "a"), _photos("x"), _photos("z")),
            "the class 'a' is given twice",
        ),
        (lambda root: Listing(root, ("a", ""), _photos("x"), _photos("z")), "class 2 of 2"),
        (
            lambda root: Listing(root, ("a",), _photos("x", "y\0.png"), _photos("z")),
            "photo 1 has the control character U\\+0000",
        ),
        (
            lambda root: Listing(root, ("a",), _photos("x"), _photos("\ud800.png")),
            "photo 0 has the control character U\\+D800",
        ),
    ],
)
def test_a_listing_holds_each_class_and_photo_once(
    make: Callable[[Path], Listing], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        make(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfone\r\ntwo\r\n",
        b"one\rtwo\r",
        b"  one\t\n\n   \ntwo   ",
        b"one\ntwo",
    ],
)
def test_lists_of_any_editor_are_read_alike(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    assert read_lines(path) == ["one", "two"]


@pytest.mark.parametrize("content", [b"", b" \n", b"caf\xe9\n", "one\n".encode("utf-16")])
def test_lists_that_are_empty_or_in_another_encoding(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match="cannot be read") as caught:
        read_lines(path)
    assert caught.value.where == str(path)


def test_the_same_line_again_counts_once_and_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert united(["a", "b", "a", "a"], tmp_path / "train.txt") == ["a", "b"]
    assert "[train.txt] 2 lines say the same again" in capsys.readouterr().err
    assert united(["a", "b"], tmp_path / "train.txt") == ["a", "b"]
    assert not capsys.readouterr().err
