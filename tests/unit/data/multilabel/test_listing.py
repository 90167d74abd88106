from __future__ import annotations

from pathlib import Path

import pytest

from advlearn.data.multilabel.listing import (
    DAMAGED,
    MISSING,
    UNLABELLED,
    Listing,
    Photo,
    draw_photos,
)
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
        for photo in parts[-1]:
            picture(tmp_path / photo.name)
    return Listing(tmp_path, ("a", "b", "c"), *parts)


def test_all_photos_are_used_once_and_stay_in_order(listing: Listing) -> None:
    splits, skipped = draw_photos(listing, settings())
    assert not skipped
    assert splits["test"] == listing.test
    assert len(splits["validation"]) == 3
    assert sorted(splits["train"] + splits["validation"], key=lambda p: p.name) == listing.train
    for part in splits.values():
        assert part == sorted(part, key=lambda photo: photo.name)


def test_smaller_splits_are_parts_of_larger_ones(listing: Listing) -> None:
    large, _ = draw_photos(listing, settings(), threads=3)
    small, _ = draw_photos(listing, settings(train_images=4, test_images=5))
    assert (len(small["train"]), len(small["test"])) == (4, 5)
    assert small["validation"] == large["validation"]
    assert set(small["train"]) < set(large["train"])
    assert set(small["test"]) < set(large["test"])
    other, _ = draw_photos(listing, settings(split_seed=1))
    assert other["validation"] != large["validation"]


def test_what_cannot_be_used_is_replaced_and_counted(listing: Listing) -> None:
    validation = draw_photos(listing, settings())[0]["validation"]
    (listing.root / validation[0].name).write_bytes(b"damaged")
    (listing.root / listing.test[0].name).unlink()
    listing.test[1] = Photo(listing.test[1].name, ())
    splits, skipped = draw_photos(listing, settings())
    assert sorted(skipped) == sorted(
        [
            (validation[0].name, DAMAGED),
            (listing.test[0].name, MISSING),
            (listing.test[1].name, UNLABELLED),
        ]
    )
    assert set(validation[1:]) < set(splits["validation"])
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [8, 3, 6]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"validation_images": 12}, "12 photos can be used for training and validation"),
        ({"train_images": 10}, "fewer than the 13 asked for"),
        ({"test_images": 9}, "8 photos can be used for test"),
    ],
)
def test_more_photos_than_there_are(changes: dict[str, int], kind: str, listing: Listing) -> None:
    with pytest.raises(UserError, match=kind):
        draw_photos(listing, settings(**changes))


def test_lists_of_photos_that_are_all_missing(listing: Listing) -> None:
    for photo in listing.test:
        (listing.root / photo.name).unlink()
    with pytest.raises(UserError, match="none of the 8 photos"):
        draw_photos(listing, settings())
