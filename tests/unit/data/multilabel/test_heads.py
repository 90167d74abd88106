from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from advlearn.data.multilabel import coco as coco_layout
from advlearn.data.multilabel import nuswide as nuswide_layout
from advlearn.data.multilabel.heads import count_classes
from advlearn.support.errors import UserError


def test_the_heads_say_what_the_whole_lists_say(
    make_voc: Callable[..., Path], coco: Path, nuswide: Path
) -> None:
    assert count_classes("voc2012", make_voc()) == 20
    assert count_classes("coco2014", coco) == len(coco_layout.read(coco).class_names) == 2
    assert count_classes("nuswide", nuswide) == len(nuswide_layout.read(nuswide).class_names) == 3


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("first", [True, False])
def test_categories_stand_anywhere(coco: Path, indent: int | None, first: bool) -> None:
    for path in (coco / "annotations").iterdir():
        value = json.loads(path.read_text())
        categories = {"categories": value.pop("categories")}
        whole = {**categories, **value} if first else {**value, **categories}
        path.write_text(json.dumps(whole, indent=indent))
    assert count_classes("coco2014", coco) == 2


@pytest.mark.parametrize("layout", ["voc2012", "coco2014", "nuswide"])
def test_a_folder_that_is_missing_or_empty(tmp_path: Path, layout: str) -> None:
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(UserError) as caught:
            count_classes(layout, folder)
        assert "topk.photos.root" in caught.value.where


@pytest.mark.parametrize(
    "text", ["", "[]", '{"categories": []}', '{"categories": {"id": 1}}', '{"categories": [{"id"']
)
def test_annotations_without_categories(coco: Path, text: str) -> None:
    path = coco / "annotations" / "instances_val2014.json"
    path.write_text(text)
    with pytest.raises(UserError, match="cannot be read") as caught:
        count_classes("coco2014", coco)
    assert str(path) in caught.value.where


@pytest.mark.parametrize(
    "name", ["ImageList/TestImagelist.txt", "classification_labels/classification_test.csv"]
)
def test_lists_that_are_missing(nuswide: Path, name: str) -> None:
    (nuswide / name).unlink()
    with pytest.raises(UserError, match="cannot be read"):
        count_classes("nuswide", nuswide)


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("nuswide", "ImageList/TestImagelist.txt"),
        ("nuswide", "classification_labels/classification_test.csv"),
        ("coco2014", "annotations/instances_val2014.json"),
    ],
)
def test_pipes_are_not_waited_for(coco: Path, nuswide: Path, layout: str, name: str) -> None:
    root = {"nuswide": nuswide, "coco2014": coco}[layout]
    (root / name).unlink()
    os.mkfifo(root / name)
    with pytest.raises(UserError, match="a pipe or a device"):
        count_classes(layout, root)


def test_a_header_without_classes(nuswide: Path) -> None:
    (nuswide / "classification_labels/classification_test.csv").write_text("name\n")
    with pytest.raises(UserError, match="names no class"):
        count_classes("nuswide", nuswide)
