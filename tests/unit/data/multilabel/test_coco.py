from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from advlearn.data.multilabel.coco import read
from advlearn.data.multilabel.listing import Photo
from advlearn.support.errors import UserError


def test_classes_by_category_id_and_photos_by_image_id(coco: Path) -> None:
    listing = read(coco)
    assert listing.class_names == ("car", "cup")
    assert listing.train == [
        Photo("train2014/COCO_002.jpg", (0,)),
        Photo("train2014/COCO_005.jpg", ()),
        Photo("train2014/COCO_009.jpg", (0, 1)),
    ]
    assert listing.test == [
        Photo("val2014/COCO_001.jpg", (0, 1)),
        Photo("val2014/COCO_004.jpg", (1,)),
    ]


def test_photos_inside_the_folder_images(coco: Path) -> None:
    (coco / "images").mkdir()
    for part in ("train2014", "val2014"):
        (coco / part).rename(coco / "images" / part)
    assert read(coco).test[0].name == "images/val2014/COCO_001.jpg"


@pytest.mark.parametrize(
    "change",
    [
        {"categories": [{"id": 3, "name": "car"}]},
        {"images": []},
        {"images": [{"id": 1, "file_name": "../secret.jpg"}]},
        {"annotations": [{"image_id": 1}]},
        {"annotations": None},
    ],
)
def test_damaged_annotations(change: dict[str, Any], coco: Path) -> None:
    path = coco / "annotations" / "instances_val2014.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match="annotations cannot be read") as caught:
        read(coco)
    assert caught.value.where == str(path)


ABC = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]
X, Z = {"id": 1, "file_name": "x.jpg"}, {"id": 2, "file_name": "z.jpg"}


def written(root: Path, **change: Any) -> Path:
    """The same small annotations for both parts, with some keys changed."""
    value = {
        "categories": ABC,
        "images": [X, Z],
        "annotations": [{"image_id": 1, "category_id": 1}, {"image_id": 2, "category_id": 3}],
        **change,
    }
    (root / "annotations").mkdir()
    for part, suffix in (("train", ""), ("val", ".png")):
        (root / f"{part}2014").mkdir()
        text = json.dumps(value).replace(".jpg", suffix or ".jpg")
        (root / "annotations" / f"instances_{part}2014.json").write_text(text)
    return root


# Each: the changed keys, and what the message says.
CONTRADICTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "image id twice": (
        {"images": [X, {"id": 1, "file_name": "y.jpg"}, Z]},
        "the id 1 in 'images' stands for both 'x.jpg' and 'y.jpg'",
    ),
    "file of two ids": (
        {"images": [X, Z, {"id": 5, "file_name": "x.jpg"}]},
        "the file 'x.jpg' is that of two image ids",
    ),
    "category id twice": (
        {"categories": [*ABC, {"id": 1, "name": "again"}]},
        "the id 1 in 'categories' stands for both 'a' and 'again'",
    ),
    "category name twice": (
        {"categories": [*ABC, {"id": 4, "name": "a "}]},
        "the category 'a' is given twice",
    ),
    "image that is not listed": (
        {"annotations": [{"image_id": 7, "category_id": 1}]},
        "entry 1 of 'annotations' is of the id 7, which 'images' do not list",
    ),
    "category that is not listed": (
        {"annotations": [{"image_id": 1, "category_id": 9}]},
        "of the id 9, which 'categories' do not list",
    ),
    "id that is no whole number": (
        {"annotations": [{"image_id": 1.5, "category_id": 1}]},
        "entry 1 of 'annotations' has no whole number as 'image_id': 1.5",
    ),
    "id that is a truth value": (
        {"images": [{"id": True, "file_name": "x.jpg"}]},
        "entry 1 of 'images' has no whole number as 'id': True",
    ),
    "id that is missing": ({"images": [{"file_name": "x.jpg"}]}, "no whole number as 'id': None"),
    "name that is no text": (
        {"categories": [{"id": 1, "name": None}]},
        "entry 1 of 'categories' has no text as 'name'",
    ),
    "entry that is no object": ({"images": [3]}, "entry 1 of 'images' has no whole number"),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_an_id_stands_for_one_thing(case: str, tmp_path: Path) -> None:
    change, said = CONTRADICTIONS[case]
    with pytest.raises(UserError) as caught:
        read(written(tmp_path, **change))
    assert said in caught.value.what
    assert "instances_train2014.json" in caught.value.where


def test_what_is_said_twice_counts_once(tmp_path: Path) -> None:
    shown = [{"image_id": 1, "category_id": 2}, {"image_id": "1", "category_id": 2.0}]
    listing = read(
        written(tmp_path, images=[X, Z, X], categories=[*ABC, ABC[0]], annotations=shown)
    )
    assert listing.class_names == ("a", "b", "c")
    assert listing.train == [Photo("train2014/x.jpg", (1,)), Photo("train2014/z.jpg", ())]


def test_a_key_that_is_given_twice(tmp_path: Path) -> None:
    path = written(tmp_path) / "annotations" / "instances_train2014.json"
    path.write_text(path.read_text().replace('"id": 2,', '"id": 2, "id": 3,', 1))
    with pytest.raises(UserError, match="the key 'id' is given twice in one object"):
        read(tmp_path)


def test_a_byte_order_mark_is_no_damage(coco: Path) -> None:
    before = read(coco)
    for path in (coco / "annotations").iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(coco) == before


@pytest.mark.parametrize("text", ["[1]", "3", "[" * 200_000, "{}"])
def test_json_of_something_else(text: str, coco: Path) -> None:
    (coco / "annotations" / "instances_train2014.json").write_text(text)
    with pytest.raises(UserError, match="annotations cannot be read"):
        read(coco)


def test_missing_annotations_or_other_categories(coco: Path) -> None:
    path = coco / "annotations" / "instances_val2014.json"
    path.write_text(path.read_text().replace("cup", "mug"))
    with pytest.raises(UserError, match="different categories"):
        read(coco)
    path.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        read(coco)
