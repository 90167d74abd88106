"""Mosaics: four photos of four classes, no photo twice, in a format that is read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from advlearn.data.multilabel import coco
from advlearn.data.multilabel.listing import Listing, Photo
from advlearn.support.errors import UserError
from scripts.mosaics import TILES, Made, main, mosaic, quartets, write

LABELS = st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True).map(sorted)


def _photos(labels: list[list[int]]) -> list[Photo]:
    return [Photo(f"{number}.jpg", tuple(each)) for number, each in enumerate(labels)]


@given(st.lists(LABELS, max_size=40), st.integers(0, 9))
def test_each_group_shows_four_classes_and_no_photo_comes_twice(
    labels: list[list[int]], seed: int
) -> None:
    groups = quartets(_photos(labels), np.random.default_rng(seed))
    taken = [position for group in groups for position in group]
    assert len(taken) == len(set(taken)) == TILES * len(groups)
    for group in groups:
        assert len({label for position in group for label in labels[position]}) >= TILES


@given(st.lists(st.integers(0, 30), min_size=1, max_size=7))
def test_as_many_groups_as_can_be_are_made(sizes: list[int]) -> None:
    """With one class a photo: the largest n for which n places a class hold 4 n photos."""
    photos = _photos([[label] for label, size in enumerate(sizes) for _ in range(size)])
    most = max(n for n in range(sum(sizes) + 1) if sum(min(s, n) for s in sizes) >= TILES * n)
    assert len(quartets(photos, np.random.default_rng(0))) == most


@pytest.fixture
def listing(tmp_path: Path) -> Listing:
    """Four plain photos a part, whose colour tells the class."""
    for part in ("train", "test"):
        for label in range(TILES):
            colour = (60 * label, 0, 255)
            Image.new("RGB", (40, 30), colour).save(tmp_path / f"{part}{label}.png")
    train, test = (
        [Photo(f"{part}{label}.png", (label,)) for label in range(TILES)]
        for part in ("train", "test")
    )
    return Listing(tmp_path, ("a", "b", "c", "d"), train, test)


def test_what_is_written_is_read_back(listing: Listing, tmp_path: Path) -> None:
    out = tmp_path / "mosaics"
    assert write(listing, out, 32, seed=0) == {"train2014": Made(1, 0), "val2014": Made(1, 0)}
    found = coco.read(out)
    assert found.class_names == listing.class_names
    assert [photo.labels for photo in (*found.train, *found.test)] == [(0, 1, 2, 3)] * 2
    picture = np.asarray(Image.open(found.root / found.test[0].name))
    assert picture.shape == (32, 32, 3)
    reds = [picture[y, x, 0] for y in (8, 24) for x in (8, 24)]
    np.testing.assert_allclose(sorted(reds), [0, 60, 120, 180], atol=4)


def test_the_same_seed_gives_the_same_mosaics(listing: Listing, tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        write(listing, tmp_path / name, 32, seed)
    content = {
        name: (tmp_path / name / "val2014/mosaic_val2014_000001.jpg").read_bytes()
        for name in ("one", "two", "other")
    }
    assert content["one"] == content["two"] != content["other"]


def test_quarters_stand_in_the_order_given(listing: Listing) -> None:
    paths = [listing.root / photo.name for photo in listing.test]
    picture = np.asarray(mosaic(paths, 8))
    assert [int(picture[y, x, 0]) for y in (1, 6) for x in (1, 6)] == [0, 60, 120, 180]


def test_a_folder_that_exists_is_left_alone(listing: Listing, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists"):
        write(listing, tmp_path, 32, seed=0)


def test_photos_that_cannot_be_used_are_left_out(listing: Listing, tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes((tmp_path / "test0.png").read_bytes()[:20])
    more = [Photo("cut.png", (0,)), Photo("missing.png", (1,)), Photo("test1.png", ())]
    partial = Listing(listing.root, listing.class_names, listing.train, listing.test[:1] + more)
    with pytest.raises(UserError, match=r"for val2014: 1 of 4 photos can be used, with 1 classes"):
        write(partial, tmp_path / "few", 32, seed=0)
    assert not (tmp_path / "few").exists()
    whole = Listing(listing.root, listing.class_names, listing.train, [*listing.test, *more[:2]])
    assert write(whole, tmp_path / "few", 32, seed=0)["val2014"] == Made(1, 2)


def test_what_was_broken_off_is_made_again(listing: Listing, tmp_path: Path) -> None:
    (tmp_path / "out.part" / "train2014").mkdir(parents=True)
    write(listing, tmp_path / "out", 32, seed=0)
    assert not (tmp_path / "out.part").exists()


@pytest.mark.parametrize("wrong", [["--side", "5"], ["--side", "9999999"], ["--seed", "-1"]])
def test_values_that_cannot_be_used(
    wrong: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["mosaics.py", str(tmp_path), str(tmp_path / "out"), *wrong])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_to(listing: Listing, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        write(listing, tmp_path / "file" / "out", 32, seed=0)
