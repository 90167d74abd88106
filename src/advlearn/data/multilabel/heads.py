"""How many classes a user's copy of photos has, from the heads of its lists: read before any job.

The lists name up to a hundred thousand photos; reading them whole takes seconds and is left to the
stage topk_data.
"""

from __future__ import annotations

import csv
import json
import mmap
from collections.abc import Callable
from pathlib import Path

from advlearn.data.text import check_file
from advlearn.support.errors import UserError

KEY = "configuration key 'topk.photos.root'"
_CATEGORIES = b'"categories"'


def count_classes(layout: str, root: Path) -> int:
    """Number of classes of a copy in one of the known layouts.

    Args:
        layout: ``voc2012``, ``coco2014`` or ``nuswide``.
        root: its folder.

    Raises:
        UserError: the folder, or one of its lists, is missing or damaged.
    """
    if not root.is_dir():
        raise UserError(
            "the folder of photos does not exist",
            where=f"{KEY}: {root}",
            remedy="give the folder of your copy, or null where the data set can be downloaded",
        )
    count: dict[str, Callable[[Path], int]] = {
        "voc2012": _voc,
        "coco2014": _coco,
        "nuswide": _nuswide,
    }
    return count[layout](root)


def _voc(root: Path) -> int:
    from advlearn.data.multilabel import voc
    from advlearn.data.multilabel.listing import read_lines

    folder = voc.devkit(root)
    for part in ("train", "val"):
        read_lines(folder / "ImageSets" / "Main" / f"{part}.txt")
    return len(voc.CLASSES)


def _coco(root: Path) -> int:
    counts = [
        _count_categories(root / "annotations" / f"instances_{part}.json")
        for part in ("train2014", "val2014")
    ]
    return max(counts)


def _count_categories(path: Path) -> int:
    try:
        check_file(path)
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as m:
            # The official files have them at the end.
            start = m.rfind(_CATEGORIES)
            text = m[start + len(_CATEGORIES) :].decode("utf-8").lstrip(" \t\r\n:")
        if start < 0:
            raise ValueError("it names no categories")
        categories, _ = json.JSONDecoder().raw_decode(text)
        if not isinstance(categories, list) or not categories:
            raise ValueError("its categories are no list of at least one")
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return len(categories)


def _nuswide(root: Path) -> int:
    counts = []
    for part, name in (("trainval", "Train"), ("test", "Test")):
        path = root / "classification_labels" / f"classification_{part}.csv"
        images = root / "ImageList" / f"{name}Imagelist.txt"
        try:
            check_file(path)
            check_file(images)
            with path.open(encoding="utf-8-sig", newline="") as stream:
                header = next(csv.reader(stream), [])
            if len(header) < 2:
                raise ValueError("its header names no class")
            with images.open(encoding="utf-8") as stream:
                stream.readline()
        except (OSError, ValueError, csv.Error) as error:
            raise _unreadable(path, error) from error
        counts.append(len(header) - 1)
    return max(counts)


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(
        f"a list of the photos or of their labels cannot be read: {error}",
        where=f"{KEY}: {path}",
        remedy="put the lists into the folder (docs/own-data.md shows the layouts), or correct it",
    )
