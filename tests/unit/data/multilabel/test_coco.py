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


def test_missing_annotations_or_other_categories(coco: Path) -> None:
    path = coco / "annotations" / "instances_val2014.json"
    path.write_text(path.read_text().replace("cup", "mug"))
    with pytest.raises(UserError, match="different categories"):
        read(coco)
    path.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        read(coco)
