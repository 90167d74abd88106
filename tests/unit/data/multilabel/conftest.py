"""Tiny copies of the photo collections in their official layouts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from advlearn.data.multilabel.voc import CLASSES
from tests.helpers.photos import picture

Labels = Mapping[str, Mapping[str, int]]
"""By photo: 1 or 0 (difficult only) by class; any other class is absent."""

TRAIN: Labels = {
    "a": {"cat": 1, "dog": 1},
    "b": {"dog": 1, "person": 0},
    "c": {"sofa": 0},
    "d": {"person": 1},
}
VAL: Labels = {"e": {"cat": 1}, "f": {"aeroplane": 1, "tvmonitor": 1}}


@pytest.fixture
def make_voc(tmp_path: Path) -> Callable[..., Path]:
    """Write a devkit: ``make_voc(annotations)`` with XML files or with lists a class."""

    def make(annotations: bool = False, train: Labels = TRAIN, val: Labels = VAL) -> Path:
        root = tmp_path / "VOC2012"
        main = root / "ImageSets" / "Main"
        main.mkdir(parents=True)
        for part, photos in (("train", train), ("val", val)):
            (main / f"{part}.txt").write_text("".join(f"{name}\n" for name in photos))
            for label in CLASSES:
                lines = [f"{name} {shown.get(label, -1):2}\n" for name, shown in photos.items()]
                (main / f"{label}_{part}.txt").write_text("".join(lines))
            for name, shown in photos.items():
                picture(root / "JPEGImages" / f"{name}.jpg")
                if annotations:
                    (root / "Annotations").mkdir(exist_ok=True)
                    objects = "".join(
                        f"<object><name>{label}</name><difficult>{1 - value}</difficult>"
                        "<part><name>head</name></part></object>"
                        for label, value in shown.items()
                    )
                    (root / "Annotations" / f"{name}.xml").write_text(
                        f"<annotation><filename>{name}.jpg</filename>{objects}</annotation>"
                    )
        if annotations:
            for path in main.glob("*_*.txt"):
                path.unlink()
        return root

    return make


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Two categories with ids 7 and 3; photo 5 of train without objects."""
    root = tmp_path / "coco"
    (root / "annotations").mkdir(parents=True)
    for part, objects in (
        ("train2014", {9: [7, 3, 7], 5: [], 2: [3]}),
        ("val2014", {4: [7], 1: [3, 7]}),
    ):
        for image in objects:
            picture(root / part / f"COCO_{image:03d}.jpg", image)
        value = {
            "images": [{"id": n, "file_name": f"COCO_{n:03d}.jpg"} for n in objects],
            "annotations": [
                {"image_id": n, "category_id": category, "segmentation": [[1, 2]]}
                for n, categories in objects.items()
                for category in categories
            ],
            "categories": [{"id": 7, "name": "cup"}, {"id": 3, "name": "car"}],
        }
        path = root / "annotations" / f"instances_{part}.json"
        path.write_text(json.dumps(value))
    return root


@pytest.fixture
def nuswide(tmp_path: Path) -> Path:
    root = tmp_path / "nus"
    (root / "ImageList").mkdir(parents=True)
    (root / "classification_labels").mkdir()
    (root / "ImageList" / "TrainImagelist.txt").write_text(
        "actor\\0001_111.jpg\nzebra\\0002_222.jpg\nzoos\\0003_333.jpg\n"
    )
    (root / "ImageList" / "TestImagelist.txt").write_text("actor\\0004_444.jpg\n")
    labels = root / "classification_labels"
    (labels / "classification_trainval.csv").write_text("name,sky,sea,sun\n0,1,0,1\n2,0,1,0\n")
    (labels / "classification_test.csv").write_text("name,sky,sea,sun\n0,-1,0,1.0\n")
    for name in ("77_111_abc_m.jpg", "78_333_def_m.jpg", "0004_444.jpg"):
        picture(root / "images" / name)
    return root
