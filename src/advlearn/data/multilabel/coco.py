"""MS COCO 2014 (Lin et al. 2014): its folder, whole or partial, as a list of photos.

    annotations/instances_{train,val}2014.json
    {train,val}2014/COCO_..._000000000009.jpg    or the same two folders inside images/

A class counts as shown when the photo has any object of it, crowds included. Classes are in the
order of their category ids, photos in that of their image ids. An id stands for one thing: entries
that say the same twice are one, entries that contradict each other are an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from advlearn.data.multilabel.listing import Listing, Photo
from advlearn.data.text import check_names, read_text, repeated
from advlearn.support.errors import UserError


def read(root: Path) -> Listing:
    """List the data set: official train part to train on, val part to attack.

    Args:
        root: folder that holds ``annotations``.

    Raises:
        UserError: a file of annotations is missing, damaged or contradicts itself, or the two name
            other classes.
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
        value = json.loads(read_text(path), object_pairs_hook=_each_key_once)
        if not isinstance(value, dict):
            raise ValueError("it holds no 'images', 'annotations' and 'categories'")
        categories = _by_id(_list(value, "categories"), "categories", "name")
        files = _by_id(_list(value, "images"), "images", "file_name")
        check_names([categories[each] for each in sorted(categories)], "category")
        twice = repeated(files.values())
        if twice:
            raise ValueError(f"the file {twice[0]!r} is that of two image ids")
        if any(Path(name).name != name for name in files.values()):
            raise ValueError("a file name contains a folder")
        index = {category: position for position, category in enumerate(sorted(categories))}
        shown: dict[int, set[int]] = {image: set() for image in files}
        for number, one in enumerate(_list(value, "annotations"), start=1):
            where = f"entry {number} of 'annotations'"
            image, category = _id(one, "image_id", where), _id(one, "category_id", where)
            for known, each, kind in ((shown, image, "images"), (index, category, "categories")):
                if each not in known:
                    raise ValueError(f"{where} is of the id {each}, which {kind!r} do not list")
            shown[image].add(index[category])
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, str(getattr(error, "strerror", None) or error)) from error
    return tuple(categories[category] for category in sorted(categories)), [
        Photo(f"{folder}/{files[image]}", tuple(sorted(shown[image]))) for image in sorted(files)
    ]


def _by_id(entries: Iterable[Any], key: str, named: str) -> dict[int, str]:
    """What each entry of a list names, by its id."""
    found: dict[int, str] = {}
    for number, one in enumerate(entries, start=1):
        where = f"entry {number} of {key!r}"
        each = _id(one, "id", where)
        name = one.get(named)
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"{where} has no text as {named!r}")
        name = name.strip()
        if found.setdefault(each, name) != name:
            raise ValueError(
                f"the id {each} in {key!r} stands for both {found[each]!r} and {name!r}"
            )
    return found


def _list(value: dict[str, Any], key: str) -> list[Any]:
    if not isinstance(value.get(key), list):
        raise ValueError(f"it has no list {key!r}")
    found: list[Any] = value[key]
    return found


def _id(entry: Any, key: str, where: str) -> int:
    """An id as a whole number; 1.5, true and texts without digits are none."""
    value = entry.get(key) if isinstance(entry, dict) else None
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError(f"{where} has no whole number as {key!r}: {value!r}")
    return int(value)


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the file without outlines, which are most of the file."""
    value = dict(pairs)
    if len(value) < len(pairs):
        twice = repeated(key for key, _ in pairs)[0]
        raise ValueError(f"the key {twice!r} is given twice in one object")
    value.pop("segmentation", None)
    return value


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(
        f"the annotations cannot be read: {reason}",
        where=str(path),
        remedy="correct it, or unpack annotations_trainval2014.zip into this folder; correct"
        " 'root' if it is another one",
    )
