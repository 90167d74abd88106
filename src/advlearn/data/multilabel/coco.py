"""MS COCO 2014 (Lin et al. 2014): its folder, whole or partial, as a list of photos.

    annotations/instances_{train,val}2014.json
    {train,val}2014/COCO_..._000000000009.jpg    or the same two folders inside images/

A class counts as shown when the photo has any object of it, crowds included. Classes are in the
order of their category ids, photos in that of their image ids.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from advlearn.data.multilabel.listing import Listing, Photo
from advlearn.support.errors import UserError


def read(root: Path) -> Listing:
    """List the data set: official train part to train on, val part to attack.

    Args:
        root: folder that holds ``annotations``.

    Raises:
        UserError: a file of annotations is missing or damaged, or the two name other classes.
    """
    classes, train = _part(root, "train2014")
    others, test = _part(root, "val2014")
    if classes != others:
        raise _damaged(
            root / "annotations", "the two files of annotations name different categories"
        )
    return Listing(root, classes, train, test)


def _part(root: Path, part: str) -> tuple[tuple[str, ...], list[Photo]]:
    path = root / "annotations" / f"instances_{part}.json"
    folder = part if (root / part).is_dir() else f"images/{part}"
    try:
        value = json.loads(path.read_text(encoding="utf-8"), object_hook=_without_outline)
        categories = {int(one["id"]): str(one["name"]) for one in value["categories"]}
        index = {category: position for position, category in enumerate(sorted(categories))}
        files = {int(one["id"]): str(one["file_name"]) for one in value["images"]}
        if any(Path(name).name != name for name in files.values()):
            raise ValueError("a file name contains a folder")
        shown: dict[int, set[int]] = {image: set() for image in files}
        for one in value["annotations"]:
            shown[int(one["image_id"])].add(index[int(one["category_id"])])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    return tuple(categories[category] for category in sorted(categories)), [
        Photo(f"{folder}/{files[image]}", tuple(sorted(shown[image]))) for image in sorted(files)
    ]


def _without_outline(value: dict[str, Any]) -> dict[str, Any]:
    """Drop the outline of an object as soon as it is read: outlines are most of the file."""
    value.pop("segmentation", None)
    return value


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(
        f"the annotations cannot be read: {reason}",
        where=str(path),
        remedy="unpack annotations_trainval2014.zip into this folder, and correct 'root' if it is "
        "another one",
    )
